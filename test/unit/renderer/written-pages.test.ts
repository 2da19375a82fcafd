import { createElement, type ReactElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { I18nextProvider } from 'react-i18next';
import { describe, expect, it } from 'vitest';
import { emptySlot } from '#main/station/slot.ts';
import { createI18n } from '#renderer/parts/i18n.ts';
import { PagesLine } from '#renderer/parts/PagesLine.tsx';
import { RecordDetail } from '#renderer/parts/RecordDetail.tsx';
import { PageReason, type ReasonTotal } from '#shared/model/plan.ts';
import { sealRecord } from '#shared/model/record-chain.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { draft } from '../log/fixtures.ts';

type Language = Parameters<typeof createI18n>[0];
const KIB = 1024;
const PAGES: readonly ReasonTotal[] = PageReason.options.map((reason, index) => ({
  action: index % 2 === 0 ? 'keep' : 'write',
  reason,
  bytes: (index + 1) * 4 * KIB,
}));

/** The text alone, as somebody reads it. */
async function shown(element: ReactElement, language: Language): Promise<string> {
  const i18n = await createI18n(language);
  const markup = renderToStaticMarkup(createElement(I18nextProvider, { i18n }, element));
  return markup
    .replaceAll(/<style[^>]*>[^<]*<\/style>/gu, '')
    .replaceAll(/<[^>]+>/gu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .replaceAll('&#x27;', "'");
}

const detail = (change: Partial<RecordDraft>, language: Language = 'en') =>
  shown(createElement(RecordDetail, { record: sealRecord({ ...draft('a'), ...change }, null) }), language);

function line(pages: readonly ReasonTotal[] | null, rework: boolean, language: Language = 'en') {
  const slot = { ...emptySlot({ id: '1', name: '1', probe: 'bench:nrf52840' }), pages: pages && [...pages], rework };
  return shown(createElement(PagesLine, { slot }), language);
}

describe('a record on the screen', () => {
  it('says how much was written, how much was right already, and why each page was', async () => {
    const pages = PAGES.filter(({ reason }) => reason !== 'rot');
    const text = await detail({ bytesWritten: 8 * KIB, bytesSkipped: 1016 * KIB, pages });
    expect(text).toContain('8 KiB, 1,016 KiB were right already');
    expect(text).toContain('Pages kept 4 KiB: the checksum blocks agree');
    expect(text).toContain("by the unit's own checksum");
    expect(text).toContain('not looked at: writing costs less');
    for (const { bytes } of pages) expect(text).toContain(` ${bytes / KIB} KiB:`);
    expect(text).not.toContain('Rotten');
    expect(text).not.toContain('Not proven');
  });

  it('names each page that was rotten, and what a developer did not have read back', async () => {
    const rot = [0x1000, 0xfe000].map((address) => ({ memory: 'flash', address, size: 4096 }));
    const text = await detail({ rot, unproven: 12 * KIB });
    expect(text).toContain('Rotten, rewritten 0x00001000, 0x000FE000');
    expect(text).toContain('12 KiB were not read back, the run counts for nothing');
  });

  it('says nothing of pages where no plan was made', async () => {
    const text = await detail({ pages: undefined });
    expect(text).not.toContain('Pages');
  });
});

describe('the rework screen', () => {
  it('says what is written and kept, and how what is kept is known', async () => {
    const pages: ReasonTotal[] = [
      { action: 'write', reason: 'read', bytes: 4 * KIB },
      { action: 'write', reason: 'flag', bytes: 4 * KIB },
      { action: 'keep', reason: 'digest', bytes: 1016 * KIB },
    ];
    expect(await line(pages, true)).toContain("Writes 8 KiB, keeps 1,016 KiB (by the unit's own checksum)");
  });

  it('says why everything is written where nothing is kept', async () => {
    const pages: ReasonTotal[] = [{ action: 'write', reason: 'unseen', bytes: 64 * KIB }];
    expect(await line(pages, true)).toContain('Writes 64 KiB, keeps 0 KiB (not looked at: writing costs less)');
  });

  it.each([
    ['no plan yet', null, true],
    ['a unit that is here for the first time', PAGES, false],
  ] as const)('says nothing of %s', async (_, pages, rework) => {
    expect((await line(pages, rework)).trim()).toBe('');
  });
});

it.each(['en', 'zh-CN'] as const)('every reason has its words in %s', async (language) => {
  const pages = [...PAGES];
  const rot = [{ memory: 'flash', address: 0x1000, size: 4096 }];
  const texts = [await detail({ pages, rot, unproven: 4096 }, language)];
  for (const page of pages) texts.push(await line([{ ...page, action: 'keep' }], true, language));
  for (const text of texts) expect(text).not.toMatch(/\b(?:pages|log|slot)\.[a-z_]+/u);
  expect(new Set(texts).size).toBe(texts.length);
});
