"""Runs Thumb programs on the unicorn emulator, one after another, for tests/unicorn.rs.

Reads requests from stdin and answers on stdout, all words little-endian:
  request:  code address, code length, code bytes; 17 words r0-r12, MSP, PSP, LR, flags; start address;
            number of instructions to execute
  answer:   1 if it stopped with an error, else 0; r0-r12, SP, LR, PC, flags, MSP, PSP, CONTROL, PRIMASK;
            the 4 KiB of RAM
The memory stays as it is between requests. The first answer is a line with the version of unicorn.
Unicorn is a program of its own here: it is GPL, and nothing of it is linked with what is tested.
"""

import struct
import sys

import unicorn
from unicorn import arm_const as arm

FLASH, RAM = 0x08000000, 0x20000000
FLASH_BYTES, RAM_BYTES = 16 << 10, 4 << 10
GENERAL = [getattr(arm, f"UC_ARM_REG_R{n}") for n in range(13)]
STATE = GENERAL + [
    arm.UC_ARM_REG_SP, arm.UC_ARM_REG_LR, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_XPSR,
    arm.UC_ARM_REG_MSP, arm.UC_ARM_REG_PSP, arm.UC_ARM_REG_CONTROL, arm.UC_ARM_REG_PRIMASK,
]


def machine(flash, ram):
    # With UC_MODE_MCLASS unicorn takes another model, whatever is asked for.
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M0)
    flash_protection = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
    uc.mem_map(0, FLASH_BYTES, flash_protection)
    uc.mem_map(FLASH, FLASH_BYTES, flash_protection)
    uc.mem_map(RAM, RAM_BYTES)
    uc.mem_write(0, bytes(flash))
    uc.mem_write(FLASH, bytes(flash))
    uc.mem_write(RAM, bytes(ram))
    return uc


def exactly(count):
    data = sys.stdin.buffer.read(count)
    if len(data) != count:
        sys.exit(0)
    return data


def main():
    out = sys.stdout.buffer
    out.write(f"unicorn {unicorn.__version__}\n".encode())
    out.flush()
    flash, ram = bytearray(FLASH_BYTES), bytearray(RAM_BYTES)
    uc = machine(flash, ram)
    while True:
        address, length = struct.unpack("<2I", exactly(8))
        code = exactly(length)
        words = struct.unpack("<17I", exactly(68))
        start, count = struct.unpack("<2I", exactly(8))
        if address >= RAM:
            uc.mem_write(address, code)
            uc.ctl_remove_cache(address, address + length)
        else:
            offset = address % FLASH_BYTES
            flash[offset:offset + length] = code
            uc.mem_write(offset, code)
            uc.mem_write(FLASH + offset, code)
            # What is translated from there stays in the cache otherwise.
            for base in (0, FLASH):
                uc.ctl_remove_cache(base + offset, base + offset + length)
        for register, value in zip(GENERAL, words):
            uc.reg_write(register, value)
        uc.reg_write(arm.UC_ARM_REG_MSP, words[13])
        uc.reg_write(arm.UC_ARM_REG_PSP, words[14])
        uc.reg_write(arm.UC_ARM_REG_SP, words[13])
        uc.reg_write(arm.UC_ARM_REG_LR, words[15])
        uc.reg_write(arm.UC_ARM_REG_XPSR, words[16])
        uc.reg_write(arm.UC_ARM_REG_PRIMASK, 0)
        failed = 0
        try:
            # To unicorn a count of zero means no limit.
            if count:
                uc.emu_start(start | 1, 0xFFFFFFFF, 0, count)
            else:
                uc.reg_write(arm.UC_ARM_REG_PC, start)
        except unicorn.UcError:
            failed = 1
        state = [uc.reg_read(register) & 0xFFFFFFFF for register in STATE]
        ram = uc.mem_read(RAM, RAM_BYTES)
        out.write(struct.pack("<22I", failed, *state) + bytes(ram))
        out.flush()
        if failed or state[19]:
            # The process stack in use, or half an exception taken: start from a clean core.
            uc = machine(flash, ram)


main()
