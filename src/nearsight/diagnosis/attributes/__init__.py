"""What whole images are like, measured, and which attributes go with a class."""

from nearsight.diagnosis.attributes.find import find_whole_image_attributes

__all__ = ["find_whole_image_attributes"]
