import { chipBy, flashMemories } from '#shared/model/chip.ts';
import { newBench, shippedChip } from '../bench/bench-run.ts';
import { application, noise } from '../bench/releases.ts';
import { plugUart, runByUart } from '../bench/stm32-uart-run.ts';

const KIB = 1024;
const SIZE = 32 * KIB;
const FLASH = 0x0800_0000;
const BLOCK = 256;
/** Eight bits, even parity, start and stop bit, at 115,200. */
const BYTE_MS = (11 * 1000) / 115_200;
/** The adapter's 1 ms there and 1 ms back. */
const ROUND_TRIP_MS = 2;
/** Command, address, then data or length: each is answered before the next may be sent (AN3155, 3.4 and 3.6). */
const STEPS = 3;

/** What the protocol's round trips allow: bytes of a block either way, and the flash's own time. */
function writeLimitMs(flashMs: number): number {
  const sent = 2 + 5 + 1 + BLOCK + 1;
  return (sent + STEPS) * BYTE_MS + STEPS * ROUND_TRIP_MS + flashMs;
}

function readLimitMs(): number {
  const sent = 2 + 5 + 2;
  return (sent + STEPS + BLOCK) * BYTE_MS + STEPS * ROUND_TRIP_MS;
}

async function measure(id: string): Promise<object> {
  const chip = shippedChip(id);
  const { clock, io, open } = plugUart(newBench(), chip);
  const unit = await open();
  await unit.identify(io);
  const device = await unit.openFlash(io);
  const [memory] = flashMemories(chipBy(chip, 'uart'));
  if (!memory) throw new Error(`${id} has no flash`);
  await device.erase(memory, FLASH, SIZE, io);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const since = clock.monotonic();
    await work();
    return clock.monotonic() - since;
  };
  const writeMs = await timed(() => device.program(memory, FLASH, noise(SIZE, 1), io));
  const readMs = await timed(() => device.read(FLASH, SIZE, io));
  await unit.close(io);
  const blocks = SIZE / BLOCK;
  const flashMs = ((BLOCK / memory.word) * memory.wordUs) / 1000;
  const whole = await runByUart(newBench(), chip, [application(SIZE, 2, FLASH)]);
  return {
    writeBytesPerSecond: (1000 * SIZE) / writeMs,
    writeRateToLimit: (blocks * writeLimitMs(flashMs)) / writeMs,
    readBytesPerSecond: (1000 * SIZE) / readMs,
    readRateToLimit: (blocks * readLimitMs()) / readMs,
    run32KibMs: whole.ms,
  };
}

/** 115,200 baud on an adapter of 1 ms: rates, and how near they are to what AN3155 allows. Virtual time: the same every time. */
export async function measureStm32Uart(): Promise<object> {
  return { stm32f407vg: await measure('stm32f407vg'), stm32g071rb: await measure('stm32g071rb') };
}
