from shop.model import Product
from shop.stock import find, take

__all__ = ["Product", "find", "take"]
