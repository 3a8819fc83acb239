"""The official `airsim` client, in an environment of its own, accepts the embedded simulator."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON = Path(
    os.environ.get("AIRSEG_OFFICIAL_CLIENT_PYTHON")
    or HERE.parents[1] / ".venv-airsim" / "bin" / "python"
)


@pytest.mark.official_client
@pytest.mark.skipif(
    not PYTHON.exists(), reason=f"{PYTHON} does not exist; `make .venv-airsim/.ready` makes it"
)
def test_the_official_client_flies_and_sees(tmp_path):
    captures = [{"ImageType": k, "Width": 160, "Height": 120} for k in (0, 1, 5)]
    settings = tmp_path / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "SimMode": "Multirotor",
                "ClockSpeed": 4.0,
                "CameraDefaults": {"CaptureSettings": captures},
            }
        )
    )
    command = [sys.executable, "-m", "airseg", "sim", "--port", "0", "--exit-with-stdin"]
    with subprocess.Popen(
        [*command, "--settings", str(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as simulator:
        ready = simulator.stdout.readline()
        port = re.search(r"listening on \S+:(\d+)", ready).group(1)
        done = subprocess.run(
            [str(PYTHON), str(HERE / "check_official_client.py"), port],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        simulator.stdin.close()
        assert simulator.wait(30) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout
