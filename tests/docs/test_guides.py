"""The examples of the guides work as they are printed."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from loadtest.devices.simulated import SimulatedProtocol
from services.ingest.decoders.messages import DecodedRead, Now, Unreadable
from services.ingest.decoders.protocol import ReaderSettings

GUIDE = (Path(__file__).parents[2] / "docs/add-a-protocol.md").read_text()


def module(folder, block):
    """A module of the guide's `block`-th Python example."""
    path = folder / f"example_{block}.py"
    path.write_text(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[block])
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_decoder_of_the_protocols_guide_reads_the_line_of_the_guide(tmp_path):
    protocol = module(tmp_path, 0).PROTOCOL
    [line] = re.findall(r"^B,.*$", GUIDE, re.MULTILINE)[:1]
    reader = protocol.connect(ReaderSettings(gateway="tent"))({})
    read, bad = reader.feed(f"{line}\r\n\r\nB,half".encode() + b"\n", Now(0, 0.0))
    assert isinstance(read, DecodedRead)
    assert (read.chip, read.where, read.antenna, read.seq) == ("7A3F01", "tent", 2, 1)
    assert isinstance(bad, Unreadable)


def test_its_sample_and_its_simulated_device_fit_together(tmp_path):
    protocol, simulated = module(tmp_path, 0).PROTOCOL, module(tmp_path, 1).SIMULATED
    [source] = tomllib.loads(protocol.sample)["sources"]
    assert isinstance(simulated, SimulatedProtocol)
    assert source["protocol"] == protocol.name == simulated.name
    assert source["address"].endswith(f":{protocol.port}")
    assert simulated.port == protocol.port
