"""Runs a raw image in unicorn from its reset vector to an address; prints the seconds and a word of RAM."""

import sys
import time

from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M0

FLASH, RAM = 0x0800_0000, 0x2000_0000
image, stop, result = sys.argv[1], int(sys.argv[2], 0), int(sys.argv[3], 0)

machine = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
machine.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M0)
machine.mem_map(FLASH, 0x4000)
machine.mem_map(RAM, 0x1000)
with open(image, "rb") as file:
    code = file.read()
machine.mem_write(FLASH, code)
stack, reset = (int.from_bytes(code[at : at + 4], "little") for at in (0, 4))
machine.reg_write(UC_ARM_REG_SP, stack)
begin = time.perf_counter()
machine.emu_start(reset, stop)
print(time.perf_counter() - begin, int.from_bytes(machine.mem_read(result, 4), "little"))
