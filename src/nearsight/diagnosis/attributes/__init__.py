"""Measures of whole images, and the attributes that go with a class."""

from nearsight.diagnosis.attributes.find import find_whole_image_attributes

__all__ = ["find_whole_image_attributes"]
