import { describe, expect, it } from 'vitest';
import { flashMemories } from '#shared/model/chip.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { type Surveyor, surveyedByLoader } from '#main/programmer/surveyed-by-loader.ts';
import { ioWith, TINY } from './array-flash.ts';

const [FLASH] = flashMemories(TINY);
const memory = { ...(FLASH ?? expect.unreachable()), page: 1024 };
const MANY = 64 * 1024;

/** Notes who was asked what, in order. */
function devices(trouble?: FailureCode) {
  const asked: string[] = [];
  const note = async (name: string) => void asked.push(name);
  const direct: FlashDevice = {
    name: 'direct',
    erase: () => note('erase'),
    eraseAll: () => note('eraseAll'),
    program: () => note('program'),
    sample: async (addresses, length) => new Uint8Array(addresses.length * length),
    read: async (_, length) => {
      await note('read');
      return new Uint8Array(length).fill(0xff);
    },
    finish: () => note('direct finish'),
  };
  const look = async (name: string) => {
    await note(name);
    if (trouble)
      throw Object.assign(new FlashlineError('target-stuck', { params: { seconds: 1 } }), failureOf(trouble));
  };
  const loader: Surveyor = {
    survey: async (_, address) => {
      await look('survey');
      return [{ address, blank: false, digest: 7 }];
    },
    finish: () => note('loader finish'),
  };
  return { device: surveyedByLoader(direct, loader), asked };
}

function failureOf(code: FailureCode) {
  const blame = code === 'probe-lost' ? ('station' as const) : ('unit' as const);
  return { failure: { code, blame, where: {}, params: {} } };
}

describe('a device whose pages a loader looks at', () => {
  it('asks the loader about many pages, and reads few', async () => {
    const { device, asked } = devices();
    expect(await device.survey?.(memory, 0, MANY, ioWith())).toEqual([{ address: 0, blank: false, digest: 7 }]);
    const few = await device.survey?.(memory, 0, 2048, ioWith());
    expect(few?.map(({ blank, by }) => ({ blank, by }))).toEqual([
      { blank: true, by: 'read' },
      { blank: true, by: 'read' },
    ]);
    expect(asked).toEqual(['survey', 'read']);
  });

  it.each(['erase', 'eraseAll', 'program', 'finish'] as const)(
    'is rid of the loader before it is told to %s',
    async (name) => {
      const { device, asked } = devices();
      await device.survey?.(memory, 0, MANY, ioWith());
      const change = {
        erase: () => device.erase(memory, 0, 1024, ioWith()),
        eraseAll: () => device.eraseAll?.([memory], 1, ioWith()),
        program: () => device.program(memory, 0, new Uint8Array(4), ioWith()),
        finish: () => device.finish(ioWith()),
      };
      await change[name]();
      await change[name]();
      const own = name === 'finish' ? 'direct finish' : name;
      expect(asked).toEqual(['survey', 'loader finish', own, own]);
    },
  );

  it('reads where the unit does not run the loader, and asks it no more', async () => {
    const { device, asked } = devices('target-stuck');
    expect(await device.survey?.(memory, 0, MANY, ioWith())).toHaveLength(MANY / 1024);
    expect(await device.survey?.(memory, 0, MANY, ioWith())).toHaveLength(MANY / 1024);
    expect(asked).toEqual(['survey', 'read', 'read']);
  });

  it('ends where the probe is gone', async () => {
    const { device } = devices('probe-lost');
    await expect(device.survey?.(memory, 0, MANY, ioWith())).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
  });
});
