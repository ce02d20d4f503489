"""Data sets of scenes, drawn by `narrowgate dataset scenes` and uploaded."""
import json
import pathlib
import subprocess
import tempfile

from served import BINARY

# One seed for each use. The models were trained, and chosen, on pictures of Tools/training/scenes.py alone.
SEEDS = {"validation": 1001, "test": 1002}


def scenes(client, use, objects, count, held_out="exclude"):
    """`count` scenes of so many objects, as dictionaries (docs/cli.md); their pictures are on the server afterwards."""
    with tempfile.TemporaryDirectory(prefix="narrowgate-scenes.") as folder:
        folder = pathlib.Path(folder, "scenes")
        subprocess.run([BINARY, "dataset", "scenes", "--count", str(count), "--seed", str(SEEDS[use]), "--objects", str(objects),
                        "--held-out", held_out, "--output", folder], check=True, stdout=subprocess.DEVNULL)
        drawn = [json.loads(line) for line in (folder / "scenes.jsonl").read_text().splitlines()]
        for scene in drawn:
            name = client.upload(folder / scene["file"])
            assert name == scene["image"], "the server names pictures by the same digest"
    return drawn
