"""Charts, drawn in a process of their own: `{name: {spec, config}}` in, `{name: svg}` out.

A separate process, because a specification is data that a skill wrote: a drawing that never ends is
killed, and one that eats the processor (`CPU_S` seconds) or the memory
(`MEMORY` bytes) ends itself.
"""

import json
import resource
import sys

CPU_S = 10
MEMORY = 1 << 30


def main() -> None:
    """Draw each specification with its configuration; nothing is loaded from anywhere."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import vl_convert

    asked = json.load(sys.stdin)
    drawn = {
        name: vl_convert.vegalite_to_svg(one["spec"], config=one["config"], allowed_base_urls=[])
        for name, one in asked.items()
    }
    json.dump(drawn, sys.stdout)


if __name__ == "__main__":
    main()
