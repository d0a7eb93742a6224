"""What can go wrong in an algorithm service, as an author may raise or see it."""


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
    """The easyai server did not do what was asked; the message says why."""


class ServerUnreachableError(ServerError):
    """The easyai server did not answer."""


class ServerRefusedError(ServerError):
    """The easyai server answered with an error, or something else answered in its place."""


class ServiceNotFoundError(ServerError):
    """The easyai server does not know this service: it has to register again."""
