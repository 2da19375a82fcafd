import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { seeded } from '#test/support/line.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import {
  type EnrolledStation,
  openPlantPage,
  type PersonName,
  type PlantWithPages,
  startPlantWithPages,
} from '../test/e2e/support/plant-with-pages.ts';

const HOUR_MS = 3_600_000;
const NO_BOARD: Partial<RecordDraft> = {
  verdict: 'ERROR',
  failure: { code: 'no-target', blame: 'fixture', where: {}, params: {} },
};

/** The plant's pages at the real server, on a day with a station that is worse than the others and one that is cut off. */
export async function plantPictures(browser: Browser, pages: string, folder: string): Promise<void> {
  const plant = await startPlantWithPages(pages);
  const shoot = async (what: string, as: PersonName, path: string): Promise<void> => {
    const { page } = await openPlantPage(browser, plant, { as, path });
    await page.locator('[data-part=next]').waitFor();
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: join(folder, `plant-${what}-en.png`) });
    await page.context().close();
  };
  try {
    await aDay(plant);
    await shoot('home', 'sue', '/');
    await shoot('trace', 'sue', '/trace?serial=HB000007');
    await shoot('certificate', 'otto', '/certificate?product=hello-nrf52&serial=HB000007');
    await shoot('releases', 'otto', '/releases');
    await shoot('stations', 'ada', '/stations');
  } finally {
    await plant.close();
  }
}

async function aDay(plant: PlantWithPages): Promise<void> {
  const [mia, otto] = await Promise.all([plant.as('mia'), plant.as('otto')]);
  const published = await mia.call('release.upload', { body: await releaseZip() });
  await mia.call('release.upload', {
    body: await releaseZip({ version: '1.5.0', image: ':0100000001FE\n:00000001FF\n' }),
  });
  await otto.call('release.approve', { params: { digest: published.digest } });
  await otto.call('release.publish', { params: { digest: published.digest } });
  const random = seeded(7);
  for (const [index, bad] of [0.02, 0.14, 0.03].entries()) {
    const station = await plant.enrol(`line-${index + 1}`);
    await station.send(shift({ first: index * 1000, bad, release: published.digest, random }));
    await report(station, published.digest, index === 2);
  }
  await plant.enrol('line-4');
  await (await plant.as('ada')).call('station.invite', { body: { name: 'line-5' } });
}

interface Shift {
  readonly first: number;
  /** Share of units that fail at first. */
  readonly bad: number;
  readonly release: string;
  readonly random: () => number;
}

/** Eight hours up to now. */
function shift({ first, bad, release, random }: Shift): Partial<RecordDraft>[] {
  const units = 220;
  const begin = Date.now() - 8 * HOUR_MS;
  return Array.from({ length: units }, (_, index) => index).flatMap((index) => {
    const at = (seconds: number): string =>
      new Date(begin + (index / units) * 8 * HOUR_MS + seconds * 1000).toISOString();
    const number = first + index;
    const unit = { serial: `HB${String(number).padStart(6, '0')}`, uid: `3f2a9c0d1e4b${number.toString(16)}`, release };
    const good = { ...unit, startedAt: at(30), finishedAt: at(51) };
    const early = { ...unit, startedAt: at(0), finishedAt: at(12) };
    const luck = random();
    if (luck < bad || number === 7) return luck < bad / 3 ? [{ ...early, ...FAILED }] : [{ ...early, ...FAILED }, good];
    return luck > 0.98 ? [{ ...early, ...NO_BOARD }, good] : [good];
  });
}

async function report({ client }: EnrolledStation, release: string, cutOff: boolean): Promise<void> {
  const oldestAt = cutOff ? new Date(Date.now() - 3 * HOUR_MS).toISOString() : null;
  const body = { appVersion: '0.1.0', pending: cutOff ? 412 : 0, oldestAt, skewMs: cutOff ? -190_000 : 40, release };
  await client.call('station.report', { body });
}
