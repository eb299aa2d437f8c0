from shop.model import Article
from shop.stock import get, take

__all__ = ["Article", "get", "take"]
