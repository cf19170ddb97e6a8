"""Errors of libraries in one line."""


def one_line(fault: BaseException) -> str:
    """Return the message of an exception without line breaks, or its type where it has no message.

    >>> one_line(ValueError("not\\n an image")), one_line(EOFError())
    ('not an image', 'EOFError')
    """
    return " ".join(str(fault).split()) or type(fault).__name__
