import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { type MemoryOperation, type Operation, Plan } from '#shared/model/plan.ts';
import { Role } from '#shared/model/recipe.ts';
import { type Flag, type Layout, layOut, type ReleaseImage, surveyRanges, type WantedPage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { ModelFlash, simulate, smallChip } from './model-flash.ts';

/** Few values, so that erased words, equal pages and old flags that look like new ones do occur. */
const byte = fc.oneof({ weight: 3, arbitrary: fc.constant(0xff) }, { weight: 4, arbitrary: fc.nat(255) });

/** What one page holds of the release, and what the unit holds there before. */
interface PageCase {
  readonly role: Role | null;
  readonly from: number;
  readonly length: number;
  readonly data: readonly number[];
  readonly device: 'blank' | 'wanted' | 'wanted-but-one' | 'random';
  readonly old: readonly number[];
  readonly surveyed: boolean;
}

function pageCase(memory: FlashMemory): fc.Arbitrary<PageCase> {
  return fc.record({
    role: fc.option(fc.constantFrom(...Role.options), { freq: 4 }),
    from: fc.oneof(fc.constant(0), fc.nat(memory.page - 1)),
    length: fc.oneof(fc.constant(memory.page), fc.integer({ min: 1, max: memory.page })),
    data: fc.array(byte, { minLength: memory.page, maxLength: memory.page }),
    device: fc.constantFrom('blank', 'wanted', 'wanted', 'wanted-but-one', 'random'),
    old: fc.array(byte, { minLength: memory.page, maxLength: memory.page }),
    surveyed: fc.boolean().map((missing) => !missing),
  });
}

interface Case {
  readonly chip: ChipDescription;
  readonly images: readonly ReleaseImage[];
  /** Every byte that the images name; written down apart from the code under test. */
  readonly named: ReadonlyMap<number, number>;
  readonly pages: readonly { readonly address: number; readonly size: number; readonly page: PageCase }[];
  readonly surveyAll: boolean;
  readonly noise: readonly number[];
}

const anyCase: fc.Arbitrary<Case> = fc.constantFrom(4, 8).chain((word) => {
  const chip = smallChip(word);
  const places = flashMemories(chip).flatMap((memory) =>
    Array.from({ length: memory.size / memory.page }, (_, index) => ({
      memory,
      address: memory.start + index * memory.page,
    })),
  );
  return fc
    .record({
      pages: fc.tuple(...places.map(({ memory }) => pageCase(memory))),
      surveyAll: fc.boolean(),
      noise: fc.array(fc.nat(255), { minLength: 7, maxLength: 7 }),
      flagged: fc.array(fc.boolean(), { minLength: Role.options.length, maxLength: Role.options.length }),
    })
    .map(({ pages, surveyAll, noise, flagged }): Case => {
      const placed = places.flatMap(({ memory, address }, index) => {
        const page = pages[index];
        return page ? [{ address, size: memory.page, page }] : [];
      });
      const { images: plain, named } = imagesOf(placed);
      const images = plain.map((image) => (flagged[Role.options.indexOf(image.role)] ? withFlag(image) : image));
      return { chip, images, named, pages: placed, surveyAll, noise };
    })
    .filter(({ images }) => images.length > 0);
});

function imagesOf(placed: Case['pages']): { images: ReleaseImage[]; named: Map<number, number> } {
  const named = new Map<number, number>();
  const images = Role.options.flatMap((role): ReleaseImage[] => {
    const segments = placed
      .filter(({ page }) => page.role === role)
      .flatMap(({ address, size, page }) => {
        const start = address + page.from;
        const data = Uint8Array.from(page.data.slice(page.from, Math.min(size, page.from + page.length)));
        // The lock word may be named with its unlocked value only.
        for (let at = 0; at < data.length; at++) if (start + at >= 0x1008 && start + at < 0x100c) data[at] = 0xff;
        return [{ address: start, data }];
      })
      .filter(({ address, data }) => !(address >= 0x1008 && address + data.length <= 0x100c));
    for (const { address, data } of segments) {
      // Lock words are no part of an image, whoever names them.
      data.forEach((value, at) =>
        address + at >= 0x1008 && address + at < 0x100c ? undefined : named.set(address + at, value),
      );
    }
    const image = { format: 'ihex' as const, segments };
    return segments.length > 0 ? [{ role, version: '1', file: `${role}.hex`, image }] : [];
  });
  return { images, named };
}

/** Its last bytes say that it is valid, as a recipe may have it. */
function withFlag(image: ReleaseImage): ReleaseImage {
  const last = image.image.segments.at(-1);
  if (!last || last.address >= 0x1000) return image;
  const size = Math.min(8, last.data.length);
  return { ...image, flags: [{ address: last.address + last.data.length - size, size }] };
}

/** The unit before the run, what it should hold afterwards, and what a survey finds. */
function setUp(given: Case) {
  const layout = layOut(given.chip, given.images);
  let turn = 0;
  const flash = new ModelFlash(given.chip, () => given.noise[turn++ % given.noise.length] ?? 0);
  const touched = new Set(layout.pages.map((page) => page.address));
  const goal = new Map<number, Uint8Array>();
  for (const { address, size, page } of given.pages) {
    const wanted = Uint8Array.from({ length: size }, (_, at) => given.named.get(address + at) ?? 0xff);
    const before = { blank: new Uint8Array(size).fill(0xff), wanted: wanted, random: Uint8Array.from(page.old) };
    const nearly = wanted.slice();
    nearly[size - 1] = (nearly[size - 1] ?? 0) ^ 1;
    flash.preset(address, page.device === 'wanted-but-one' ? nearly : before[page.device]);
    goal.set(address, touched.has(address) ? wanted : flash.read(address, size));
  }
  const survey = given.pages
    .filter(({ address, page }) => touched.has(address) && (given.surveyAll || page.surveyed))
    .map(({ address }) => flash.state(address));
  const wanted = (address: number, size: number) =>
    Uint8Array.from({ length: size }, (_, at) => given.named.get(address + at) ?? 0xff);
  return { layout, flash, goal, survey, wanted, plan: makePlan({ layout, survey }) };
}

function rangeOf(page: WantedPage) {
  return { address: page.address, size: page.bytes.length };
}

function contains(outer: { address: number; size: number }, address: number): boolean {
  return address >= outer.address && address < outer.address + outer.size;
}

/** All of a plan without steps of no return. */
function memoryOperations({ operations }: Pick<Plan, 'operations'>): MemoryOperation[] {
  return operations.filter((operation): operation is MemoryOperation => operation.op !== 'lock');
}

function operationsTouching(plan: Plan, address: number, size: number) {
  return memoryOperations(plan).filter(
    (operation) => operation.address < address + size && address < operation.address + operation.size,
  );
}

const changes = (operation: Plan['operations'][number]) => operation.op !== 'verify' && operation.op !== 'verify-flag';
const RUNS = { numRuns: 150 };

describe('a plan carried out on a model flash', () => {
  test('ends in exactly the wanted content, and leaves other pages alone', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { flash, goal, plan, wanted } = setUp(given);
        simulate(plan, flash, wanted, { onState: () => undefined });
        for (const [address, bytes] of goal)
          expect(flash.read(address, bytes.length), `page ${address}`).toEqual(bytes);
      }),
      RUNS,
    );
  });

  test('cut anywhere, also within an operation, never leaves a set flag over a wrong region', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { flash, layout, plan, wanted } = setUp(given);
        const watches = layout.flags.map((flag) => watch(flag, layout, flash, given));
        simulate(plan, flash, wanted, {
          onState: (operation) => watches.forEach((check) => check(operation)),
        });
        for (const flag of layout.flags) expect(flash.read(flag.address, flag.bytes.length)).toEqual(flag.bytes);
      }),
      RUNS,
    );
  });

  test('costs what it says', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { flash, plan, wanted, layout } = setUp(given);
        simulate(plan, flash, wanted, { onState: () => undefined });
        const word = flashMemories(given.chip)[0]?.word ?? 0;
        expect(plan.bytesToWrite).toBe(flash.wordsProgrammed * word);
        expect(plan.pagesToErase).toBe(flash.pagesErased);
        expect(plan.flashMs).toBeCloseTo(
          flash.pagesErased * 20 + ((flash.wordsProgrammed + flash.wordsZeroed) * 40) / 1000,
          6,
        );
        const skipped = [...given.named.keys()].filter((address) => {
          const page = layout.pages.find((candidate) => contains(rangeOf(candidate), address));
          return page && !operationsTouching(plan, page.address, page.bytes.length).some(changes);
        });
        expect(plan.bytesSkipped).toBe(skipped.length);
      }),
      RUNS,
    );
  });

  test('reads back every byte that the images name, so that a stale survey is found out', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), (given, pick) => {
        const { flash, plan, wanted, survey } = setUp(given);
        const kept = [...given.named.keys()].filter((address) => {
          const state = survey.find((page) =>
            contains({ address: page.address, size: address >= 0x1000 ? 64 : 32 }, address),
          );
          return (
            state !== undefined &&
            !operationsTouching(plan, address, 1).some(
              (operation) => operation.op === 'invalidate' || operation.op === 'erase',
            )
          );
        });
        const rotten = kept[pick % Math.max(1, kept.length)];
        fc.pre(rotten !== undefined && !(rotten >= 0x1008 && rotten < 0x100c));
        flash.preset(
          rotten,
          flash.read(rotten, 1).map((value) => value ^ 0x10),
        );
        expect(() => simulate(plan, flash, wanted, { onState: () => undefined })).toThrow(
          /^verify|without being erased/,
        );
      }),
      RUNS,
    );
  });
});

function isAllErased(bytes: Uint8Array): boolean {
  return bytes.every((value) => value === 0xff);
}

/**
 * Invariant 1 for one flag: once anything that it vouches for has changed, a flag that stands (the old one or the
 * new one) stands over the wanted region.
 */
function watch(flag: Flag, layout: Layout, flash: ModelFlash, given: Case) {
  const stands = standing(flag, flash);
  // Where there are first words, a unit starts from nothing without them, whatever else is set.
  const first = layout.flags.find(({ kind, role }) => kind === 'start' && role === flag.role);
  const starts = first && first !== flag ? standing(first, flash) : () => true;
  const pages = layout.pages.filter((page) => page.role === flag.role);
  // First words vouch for all of it, other flags for what is no flag: those are set before.
  const others = flag.kind === 'start' ? [flag] : layout.flags.filter(({ role }) => role === flag.role);
  const isFlag = (address: number) =>
    others.some((other) => contains({ address: other.address, size: other.bytes.length }, address));
  const region = [...given.named].filter(
    ([address]) => pages.some((page) => contains(rangeOf(page), address)) && !isFlag(address),
  );
  const original = new Map(pages.map((page) => [page.address, flash.read(page.address, page.bytes.length)]));
  let begun = false;
  return (operation: Operation) => {
    begun ||= [...original].some(([address, bytes]) => !sameBytes(flash.read(address, bytes.length), bytes));
    if (!begun) return;
    if (!stands() || !starts()) return;
    const wrong = region.find(([address, value]) => flash.read(address, 1)[0] !== value);
    if (wrong) throw new Error(`in ${operation.op}: byte ${wrong[0]} is wrong under a set flag`);
  };
}

/** Whether the flag is one of those that stood or are to stand there. */
function standing(flag: Flag, flash: ModelFlash): () => boolean {
  const size = flag.bytes.length;
  const old = flash.read(flag.address, size);
  return () => {
    const now = flash.read(flag.address, size);
    // A chip does not start from an erased reset vector nor from one of zero, whatever its stack pointer.
    const start = now.subarray(size > 4 ? 4 : 0);
    if (isAllErased(start) || start.every((value) => value === 0)) return false;
    return sameBytes(now, old) || sameBytes(now, flag.bytes);
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

/** The application last, and its flag with it. */
const WRITE_ORDER: readonly Role[] = ['bootloader', 'filesystem', 'manufacturing', 'application'];
const DATA: readonly Role[] = ['filesystem', 'manufacturing'];

describe('the order of operations', () => {
  test('flags are cleared first, dependents first; then each role in turn: erase, program, verify, validate', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { plan, layout } = setUp(given);
        expect(Plan.parse(plan)).toEqual(plan);
        const roleAt = (address: number) =>
          layout.pages.find((page) => contains({ address: page.address, size: page.bytes.length }, address))?.role;
        // A role may have several flags, each read back as it is set.
        const phases = ['invalidate', 'erase', 'program', 'verify', 'validate'];
        const phaseOf = (op: string) => phases.indexOf(op === 'verify-flag' ? 'validate' : op);
        const keys = memoryOperations(plan).map((operation) => {
          const rank = WRITE_ORDER.indexOf(roleAt(operation.address) ?? 'bootloader');
          return operation.op === 'invalidate' ? -rank : 100 * (rank + 1) + phaseOf(operation.op);
        });
        const cleared = keys.filter((key) => key <= 0);
        expect(keys.slice(0, cleared.length)).toEqual(cleared.toSorted((a, b) => a - b));
        const others = keys.slice(cleared.length);
        expect(others).toEqual(others.toSorted((a, b) => a - b));
      }),
      RUNS,
    );
  });

  test('the application’s flag vouches for its data: cleared before they change, set when they are proven', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { plan, layout } = setUp(given);
        if (!layout.flags.some(({ role }) => role === 'application')) return;
        const isData = (operation: Operation) =>
          changes(operation) && 'role' in operation && DATA.includes(operation.role);
        const proves = (operation: Operation) => operation.op === 'verify' && DATA.includes(operation.role);
        const validate = plan.operations.findIndex(
          ({ op, ...each }) => op === 'validate' && 'role' in each && each.role === 'application',
        );
        expect(validate).toBeGreaterThan(plan.operations.some(isData) ? plan.operations.findLastIndex(proves) : -2);
      }),
      RUNS,
    );
  });

  test('a role that matches gets nothing but its read-back, with the real flag in place', () => {
    fc.assert(
      fc.property(anyCase, (given) => {
        const { plan, layout, survey } = setUp(given);
        for (const image of layout.images) {
          const pages = layout.pages.filter((page) => page.role === image.role);
          const vouched = image.role === 'application' ? DATA : [];
          const matches = layout.pages
            .filter(({ role }) => role === image.role || vouched.includes(role))
            .every((page) => survey.some(({ address, digest }) => address === page.address && digest === page.digest));
          const touching = pages
            .flatMap((page) => operationsTouching(plan, page.address, page.bytes.length))
            .filter(changes);
          expect(matches ? touching : []).toEqual([]);
          const verified = memoryOperations(plan).filter(
            (operation) => operation.op === 'verify' && operation.role === image.role,
          );
          expect(verified.map(({ address, size }) => [address, size])).toEqual(
            image.segments.map(({ address, data }) => [address, data.length]),
          );
          const hashes = verified.map((operation) => operation.op === 'verify' && operation.sha256);
          if (!matches) continue;
          expect(hashes).toEqual(image.segments.map(({ sha256 }) => sha256));
        }
      }),
      RUNS,
    );
  });
});

/** A hand-made unit: bootloader in pages 0-1, application in pages 4-6 and one customer word. */
describe('a worked example', () => {
  const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);
  const chip = smallChip();
  const boot: ReleaseImage = {
    role: 'bootloader',
    version: '2',
    file: 'boot.hex',
    image: { format: 'ihex', segments: [{ address: 0, data: bytes(40, 0x11) }] },
  };
  const app: ReleaseImage = {
    role: 'application',
    version: '3',
    file: 'app.hex',
    image: {
      format: 'ihex',
      segments: [
        { address: 0x80, data: bytes(70, 0x22) },
        { address: 0x1010, data: bytes(4, 0x33) },
      ],
    },
  };
  const layout = layOut(chip, [app, boot]);

  test('without a survey everything is rewritten', () => {
    const { operations, ...rest } = makePlan({ layout });
    const short = memoryOperations({ operations }).map(
      (operation) => `${operation.op} ${operation.memory} ${operation.address.toString(16)}+${operation.size}`,
    );
    expect(short).toEqual([
      'invalidate flash 80+32',
      'invalidate flash 0+32',
      'erase flash 20+32',
      'program flash 8+32',
      'verify flash 0+40',
      'validate flash 0+8',
      'verify-flag flash 0+8',
      'erase flash a0+64',
      'erase uicr 1000+64',
      'program flash 88+64',
      'program uicr 1010+4',
      'verify flash 80+70',
      'verify uicr 1010+4',
      'validate flash 80+8',
      'verify-flag flash 80+8',
    ]);
    expect(rest).toMatchObject({ bytesToWrite: 40 + 72 + 4, bytesSkipped: 0, pagesToErase: 6 });
    expect(rest.images.map(({ role, address, size, sha256 }) => ({ role, address, size, sha256 }))).toEqual([
      { role: 'bootloader', address: 0, size: 40, sha256: sha256Hex(bytes(40, 0x11)) },
      {
        role: 'application',
        address: 0x80,
        size: 74,
        sha256: sha256Hex(Uint8Array.of(...bytes(70, 0x22), ...bytes(4, 0x33))),
      },
    ]);
  });

  test('the read-back before the flag is set expects the flag erased', () => {
    const verify = makePlan({ layout }).operations.find((operation) => operation.op === 'verify');
    const expected = bytes(40, 0x11).fill(0xff, 0, 8);
    expect(verify).toMatchObject({ sha256: sha256Hex(expected) });
  });

  test('only the customer word differs: the application’s flag is cleared and set, its other pages are kept', () => {
    const survey = layout.pages.map(({ address, digest }) => ({
      address,
      blank: false,
      digest: address === 0x1000 ? 0 : digest,
    }));
    const plan = makePlan({ layout, survey });
    expect(
      memoryOperations(plan)
        .filter(changes)
        .map((operation) => `${operation.op} ${operation.address.toString(16)}+${operation.size}`),
    ).toEqual(['invalidate 80+32', 'erase 1000+64', 'program 88+24', 'program 1010+4', 'validate 80+8']);
    expect(plan).toMatchObject({ bytesToWrite: 32 + 4, bytesSkipped: 40 + 38, pagesToErase: 2 });
  });

  test('a blank unit is not erased', () => {
    const survey = layout.pages.map(({ address }) => ({ address, blank: true, digest: 0 }));
    const plan = makePlan({ layout, survey });
    expect(plan.operations.filter(({ op }) => op === 'erase' || op === 'invalidate')).toEqual([]);
    expect(plan.pagesToErase).toBe(0);
  });

  test('a flag that lies in two pages loses its reset vector first', () => {
    const image = { format: 'ihex' as const, segments: [{ address: 0x3c, data: bytes(20, 0x44) }] };
    const { operations } = makePlan({
      layout: layOut(chip, [{ role: 'application', version: '1', file: 'a', image }]),
    });
    expect(
      memoryOperations({ operations })
        .slice(0, 3)
        .map(({ op, address, size }) => [op, address, size]),
    ).toEqual([
      ['invalidate', 0x40, 32],
      ['invalidate', 0x20, 32],
      ['program', 0x44, 12],
    ]);
  });

  test('the station surveys what the release touches, and no more', () => {
    expect(
      surveyRanges(layout).map(({ memory, address, size }) => `${memory.name} ${address.toString(16)}+${size}`),
    ).toEqual(['flash 0+64', 'flash 80+96', 'uicr 1000+64']);
  });
});
