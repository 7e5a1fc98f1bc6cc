"""What a request is refused with: a status of HTTP, a code for programs and for translation, a sentence for people."""


class Refusal(Exception):
    """A request that cannot be served.

    Attributes:
        status: of HTTP.
        code: a word that stays the same, by which the page finds its translation.
        message: one sentence, what was given, what was expected, what to do.
        is_early: whether it came while the request was still being sent.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.is_early = False
