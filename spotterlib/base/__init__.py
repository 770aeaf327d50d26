"""What every room stands on: errors, paths, files, limits, and the machine.

In: nothing of Spotter. Out: errors that say what to do, files that are written whole or not at all, work that can be
stopped, the one style of figures, how a command of a terminal begins and ends. Imports no other room.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "command": ["COMMON", "command_line", "need_data", "run_main"],
        "errors": [
            "ArgumentError",
            "CheckpointError",
            "DataError",
            "NotReadyError",
            "SpotterError",
            "VideoError",
            "WriteError",
            "shortened",
            "write_remedy",
            "writing",
        ],
        "files": [
            "atomic_path",
            "file_sha256",
            "parse_json",
            "plain",
            "read_json",
            "read_text",
            "to_json",
            "write_json",
        ],
        "limits": ["enough_memory", "give_back", "stoppable"],
        "locks": ["claimed", "keeping", "tidy"],
        "machine": ["pick_device", "seed_everything", "versions"],
        "paths": [
            "ROOT",
            "data_home",
            "find_input",
            "home",
            "inside",
            "named_path",
            "output_path",
            "own_name",
            "require",
        ],
        "style": [
            "FAINT",
            "FAKE",
            "INK",
            "REAL",
            "TEAL",
            "UNDECIDED",
            "count_of",
            "floats",
            "literal",
            "make_figure",
            "save_figure",
            "say",
            "styled",
            "use_style",
            "words_of",
        ],
        "tables": ["csv_text", "from_cells", "read_table", "readable", "to_cells", "write_csv"],
        "threads": ["on_one_core"],
    },
)
