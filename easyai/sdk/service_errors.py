"""The errors of an algorithm service that an author may raise or see."""


class PictureError(ValueError):
    """This picture cannot be used: the frame fails, with the message as its reason."""


class UnavailableError(RuntimeError):
    """The service cannot work now (GPU lost, picture store silent): answered as status 503.

    The server then sends the frame to another service and keeps it, so raise this when the
    picture is not to blame.
    """


class RequestError(ValueError):
    """The request breaks the wire contract: answered as status 400."""


class ServerError(Exception):
    """A call to the easyai server failed; the message is the reason."""


class ServerUnreachableError(ServerError):
    """The easyai server did not answer."""


class ServerRefusedError(ServerError):
    """The easyai server answered with an error, or another server answered in its place."""


class ServiceNotFoundError(ServerError):
    """The easyai server does not know this service: it has to register again."""
