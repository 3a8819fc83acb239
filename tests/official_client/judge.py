"""What the checks share: one line a check, and an exit status that tells whether all passed."""

import sys
import traceback

import numpy as np

_failures = []
_samples = []


def check(what, good, found=None):
    """Print one line, and remember what failed."""
    print(("ok    " if good else "FAIL  ") + what + ("" if found is None else f"  [{found}]"))
    if not good:
        _failures.append(what)


def raises(what, call, expected):
    """Check that a call is refused with a message that holds a text."""
    try:
        call()
    except Exception as cause:
        check(what, expected in str(cause), str(cause)[:120])
    else:
        check(what, False, "no error")


def sample(function):
    """Mark one kind of AirSim's sample scripts, written anew; it is called as theirs is."""
    _samples.append(function)
    return function


def run_samples(client):
    """Run all of a chapter, each from the start of a flight, and say whether all were good."""
    for function in _samples:
        print(f"sample {function.__name__}")
        try:
            client.simPause(False)
            client.reset()
            function(client)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            check(f"{function.__name__} ends", False)
    client.simPause(False)
    client.reset()
    verdict()


def vector(value):
    return np.array([value.x_val, value.y_val, value.z_val])


def pixels(response):
    data = np.frombuffer(response.image_data_uint8, np.uint8)
    return data.reshape(response.height, response.width, 3)


def floats(response, channels=1):
    values = np.array(response.image_data_float, np.float32)
    return values.reshape(response.height, response.width, channels).squeeze()


def verdict():
    print(f"{len(_failures)} failed" if _failures else "all passed")
    sys.exit(1 if _failures else 0)
