import sys

import pytest

from benchmarks import startup


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")
def test_every_command_is_timed_beside_the_bare_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    commands = {
        startup.BARE: startup.COMMANDS[startup.BARE],
        "busy": ("-c", busy),
        "idle": ("-c", "import time; time.sleep(0.3)"),
    }
    monkeypatch.setattr(startup, "COMMANDS", commands)
    result = startup.measure(repeats=2)
    timed = result["commands"]
    assert timed["busy"]["cpu_seconds"]["lowest"] >= 0.3
    assert timed["idle"]["seconds"]["lowest"] >= 0.3
    for one in timed.values():
        over = one["cpu_seconds_over_bare"]
        assert over["lowest"] <= one["cpu_seconds"]["highest"] - timed[startup.BARE]["cpu_seconds"]["lowest"]
    assert all(name in startup.table(result) for name in commands)
