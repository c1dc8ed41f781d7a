"""Prints this host's NVIDIA GPUs as JSON. Run as a process of its own: NVML can hang with its driver."""

import json
from typing import Any

import pynvml


def gpus() -> list[dict[str, Any]]:
    """The GPUs in PCI order; empty where there is no driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        found.append(
            {
                "index": index,
                "uuid": pynvml.nvmlDeviceGetUUID(handle),
                "name": pynvml.nvmlDeviceGetName(handle),
                "utilisation": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
                "total_mib": int(memory.total) // 2**20,
                "free_mib": int(memory.free) // 2**20,
            }
        )
    return found


if __name__ == "__main__":
    print(json.dumps(gpus()))  # noqa: T201 - the answer
