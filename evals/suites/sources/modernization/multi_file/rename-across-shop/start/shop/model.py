class Article:
    """An Article on the shelf."""

    def __init__(self, no, title, cents, left=0):
        self.no = no
        self.title = title
        self.cents = cents
        self.left = left

    def __repr__(self):
        return "Article(%r)" % self.no

    def export(self):
        return {"no": self.no, "title": self.title, "cents": self.cents}
