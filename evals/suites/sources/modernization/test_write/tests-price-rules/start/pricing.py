SHIPPING = 490


def line_total(price, quantity, *, member_price=None, is_member=False):
    """Cents for so many pieces.

    From 10 pieces on 5 %, from 50 on 12 % off, rounded down to whole cents. Members get the member price when there is one and it is
    lower. A negative quantity raises ValueError.
    """
    if quantity < 0:
        raise ValueError("negative quantity")
    if is_member and member_price is not None:
        price = min(price, member_price)
    off = 0
    if quantity >= 10:
        off = 5
    if quantity >= 50:
        off = 12
    return price * quantity * (100 - off) // 100


def with_shipping(amount):
    """Cents to pay: shipping is added below 5000 cents, but not when nothing was ordered."""
    if amount == 0 or amount >= 5000:
        return amount
    return amount + SHIPPING
