import { equalBytes, isFilledWith } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { coalescePages, type Layout, surveyRanges, type WantedPage } from '../plan/layout.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { FlashDevice } from './flash-device.ts';
import { surveyPages } from './survey.ts';
import { FEW_PAGES, lookingPays, trialPlaces } from './look-cost.ts';
import { surveyByBlock, withMarker } from './survey-block.ts';

/** Bytes looked at in each place. */
const SAMPLE = 16;
/** Places a page is looked at: its start, and for larger ones its middle and its end too. */
const SMALL_PAGE = 1024;
/** Typical cost of learning whether a byte is blank, before the first has been looked at: a probe of 0.7 MB/s. */
const CHECK_MS_PER_BYTE = 0.0014;

interface PagePlace {
  readonly memory: FlashMemory;
  readonly address: number;
}

interface Wanted extends PagePlace {
  readonly wanted: WantedPage;
}

/** A page of the chip, and how its samples look. */
interface Sampled extends PagePlace {
  /** What the release wants of it; undefined where it says nothing. */
  readonly wanted: WantedPage | undefined;
  readonly looksBlank: boolean;
  readonly looksRight: boolean;
}

/**
 * What the unit holds in the pages that the release touches, no dearer than it has to be: a page whose samples differ from
 * what is wanted needs no digest. Where a few pages, spread over all, look right most of them will be: then all are looked at
 * at once. Where the chip's mass erase may pay, also which other pages of its memories are blank; touched pages that only look
 * blank are then left at `blank: false`, which costs the plan nothing.
 */
export async function surveyUnit(
  whole: Layout,
  device: FlashDevice,
  io: IoContext,
  progress?: Progress,
): Promise<PageState[]> {
  const told = await surveyByBlock(whole, device, io);
  const layout = { ...whole, pages: told.rest };
  const looked = await lookAt(layout, device, io, progress);
  return withMarker([...told.states, ...looked], told.marker);
}

function lookAt(layout: Layout, device: FlashDevice, io: IoContext, progress?: Progress): Promise<PageState[]> {
  if (device.holds) return surveyByChecksums(layout, device.holds.bind(device), io, progress);
  if (!device.sample) return surveyAll(layout, device, io, progress);
  return new Survey(layout, device, io, progress).carry();
}

/** Every page, or, where a few of them show that looking costs more than it can save, those few. */
async function surveyAll(layout: Layout, device: FlashDevice, io: IoContext, progress?: Progress) {
  const states = new Map<number, PageState>();
  let before = 0;
  for (const memory of new Set(layout.pages.map((page) => page.memory))) {
    const pages = layout.pages.filter((page) => page.memory === memory);
    const from = before;
    const tried = (bytes: number) => {
      before = from + bytes;
      progress?.(before);
    };
    const rest = pages.length < FEW_PAGES ? pages : await onTrial(pages, device, io, { states, tried });
    for (const { address, size } of coalescePages(rest)) {
      const told = progress && ((done: number) => progress(before + done));
      for (const state of await surveyPages(device, memory, address, size, io, told))
        states.set(state.address, known(state, device));
      before += size;
    }
  }
  return [...states.values()];
}

function known(state: PageState, device: FlashDevice): PageState {
  return { by: device.surveysBy ?? 'read', ...state };
}

/** The pages that are worth a look; those of the trial are in `states`. */
async function onTrial(
  pages: readonly WantedPage[],
  device: FlashDevice,
  io: IoContext,
  { states, tried }: { readonly states: Map<number, PageState>; readonly tried: Progress },
): Promise<readonly WantedPage[]> {
  const trial = trialPlaces(pages.length).flatMap((index) => pages[index] ?? []);
  const looked = { pages: 0, bytes: 0, ms: 0, same: 0, blank: 0 };
  const begun = io.clock.monotonic();
  for (const { memory, address, digest: wanted } of trial) {
    for (const state of await surveyPages(device, memory, address, memory.page, io)) {
      states.set(state.address, known(state, device));
      looked.pages++;
      looked.bytes += memory.page;
      looked.same += Number(state.digest === wanted);
      looked.blank += Number(state.blank && state.digest !== wanted);
    }
    tried(looked.bytes);
  }
  looked.ms = io.clock.monotonic() - begun;
  const [first] = pages;
  return first && lookingPays(first.memory, looked) ? pages.filter(({ address }) => !states.has(address)) : [];
}

/** Pages that hold what is wanted; of the others nothing is known but that they differ. */
async function surveyByChecksums(
  layout: Layout,
  holds: NonNullable<FlashDevice['holds']>,
  io: IoContext,
  progress?: Progress,
): Promise<PageState[]> {
  const wanted = new Map(layout.pages.map((page) => [page.address, page]));
  const states: PageState[] = [];
  let before = 0;
  for (const { memory, address, size } of surveyRanges(layout)) {
    const told = progress && ((done: number) => progress(before + done));
    const same = await holds(memory, address, layout.contents.bytes(address, size), io, told);
    for (const [index, isSame] of same.entries()) {
      const page = wanted.get(address + index * memory.page);
      if (page)
        states.push({ address: page.address, blank: false, by: 'digest', ...(isSame ? { digest: page.digest } : {}) });
    }
    before += size;
  }
  return states;
}

class Survey {
  readonly #layout: Layout;
  readonly #device: FlashDevice;
  readonly #io: IoContext;
  readonly #progress: Progress | undefined;
  readonly #states = new Map<number, PageState>();
  #checkMsPerByte = CHECK_MS_PER_BYTE;

  constructor(layout: Layout, device: FlashDevice, io: IoContext, progress: Progress | undefined) {
    this.#layout = layout;
    this.#device = device;
    this.#io = io;
    this.#progress = progress;
  }

  get #by(): 'digest' | 'read' {
    return this.#device.surveysBy ?? 'read';
  }

  async carry(): Promise<PageState[]> {
    const pages = this.#layout.pages.map((page) => ({ ...page, wanted: page }));
    if (await this.#looksRight(pages)) await this.#digest(pages);
    else await this.#look(pages);
    this.#progress?.(pages.reduce((sum, { memory }) => sum + memory.page, 0));
    return [...this.#states.values()];
  }

  /** Of many pages a few, by their first bytes. */
  async #looksRight(pages: readonly Wanted[]): Promise<boolean> {
    if (pages.length < FEW_PAGES) return false;
    const few = await this.#sampled(
      trialPlaces(pages.length).flatMap((index) => pages[index] ?? []),
      () => [0],
    );
    return few.every(({ looksRight }) => looksRight);
  }

  async #look(pages: readonly Wanted[]): Promise<void> {
    const touched = await this.#sampled(pages);
    for (const { address } of touched) this.#states.set(address, { address, blank: false, by: 'sample' });
    await this.#digest(touched.filter(({ looksRight, looksBlank }) => looksRight && !looksBlank));
    const blanks = touched.filter(({ looksBlank }) => looksBlank);
    if (!(await this.#massErasePays(touched, blanks))) await this.#digest(blanks);
  }

  async #sampled(
    pages: readonly (PagePlace & { readonly wanted?: WantedPage })[],
    placesOf = placesIn,
  ): Promise<Sampled[]> {
    const places = pages.map((page) => placesOf(page.memory).map((offset) => page.address + offset));
    const bytes = await this.#device.sample?.(places.flat(), SAMPLE, this.#io);
    let next = 0;
    return pages.map(({ memory, address, wanted }, index) => {
      let looksBlank = true;
      let looksRight = wanted !== undefined;
      for (const place of places[index] ?? []) {
        const found = bytes?.subarray(next, next + SAMPLE) ?? new Uint8Array();
        next += SAMPLE;
        looksBlank &&= isFilledWith(found, memory.erased);
        looksRight &&= equalBytes(found, wanted?.bytes.subarray(place - address, place - address + SAMPLE) ?? found);
      }
      return { memory, address, wanted, looksBlank, looksRight };
    });
  }

  async #digest(pages: readonly PagePlace[]): Promise<void> {
    for (const { memory, address, size } of coalescePages(pages)) {
      for (const state of await this.#timed(size, () => surveyPages(this.#device, memory, address, size, this.#io))) {
        this.#states.set(state.address, { by: this.#by, ...state });
      }
    }
  }

  /**
   * Whether everything is going to be erased at once, as far as that can be known: nothing is kept, and what the
   * release does not touch is blank; that is looked at here, if it costs less than it may save.
   */
  async #massErasePays(touched: readonly Sampled[], blanks: readonly Sampled[]): Promise<boolean> {
    const { chip } = this.#layout;
    if (!chip.massErase || !this.#device.eraseAll) return false;
    const { ms, memories: names } = chip.massErase;
    const memories = flashMemories(chip).filter(({ name }) => names.includes(name));
    const mine = touched.filter(({ memory }) => memories.includes(memory));
    const kept = mine.some(({ address, wanted }) => wanted && this.#states.get(address)?.digest === wanted.digest);
    const others = untouchedPages(memories, mine);
    const singleMs = mine.reduce((sum, { looksBlank, memory }) => sum + (looksBlank ? 0 : memory.eraseMs), 0);
    const cost = this.#checkMs(others) + ms;
    if (kept || mine.length === 0 || cost >= singleMs + this.#checkMs(blanks)) return false;
    const sampled = await this.#sampled(others);
    if (!sampled.every(({ looksBlank }) => looksBlank)) return false;
    await this.#digest(sampled);
    const pays = ms < singleMs + this.#checkMs(blanks);
    return pays && others.every(({ address }) => this.#states.get(address)?.blank === true);
  }

  #checkMs(pages: readonly { readonly memory: FlashMemory }[]): number {
    return pages.reduce((sum, { memory }) => sum + memory.page, 0) * this.#checkMsPerByte;
  }

  /** What looking costs here is known once something was looked at. */
  async #timed<T>(bytes: number, look: () => Promise<T>): Promise<T> {
    const begun = this.#io.clock.monotonic();
    const found = await look();
    this.#checkMsPerByte = (this.#io.clock.monotonic() - begun) / bytes;
    return found;
  }
}

function placesIn({ page }: FlashMemory): number[] {
  return page <= SMALL_PAGE ? [0] : [0, page / 2, page - SAMPLE];
}

function untouchedPages(memories: readonly FlashMemory[], touched: readonly Sampled[]) {
  const known = new Set(touched.map(({ address }) => address));
  return memories.flatMap((memory) =>
    Array.from({ length: memory.size / memory.page }, (_, index) => ({
      memory,
      address: memory.start + index * memory.page,
    })).filter(({ address }) => !known.has(address)),
  );
}
