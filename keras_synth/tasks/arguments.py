"""Arguments of tasks that go together."""

import inspect


def check_taken(function, arguments, names, owner, **received):
    """Refuses arguments that would be ignored: all must be the defaults.

    Args:
        function: The task.
        arguments: Its arguments, `{name: value}`.
        names: Names of those that would be ignored.
        owner: What they are for, in words.
        **received: The argument that they do not go with, for the message.

    Raises:
        ValueError: One of them is not its default.
    """
    parameters = inspect.signature(function).parameters
    for name in names:
        value = arguments[name]
        if value != parameters[name].default:
            received[name] = value
            words = ", ".join(f"{k}={v!r}" for k, v in received.items())
            raise ValueError(f"`{name}` is for {owner}. Received: {words}")
