import { z } from 'zod';
import type { ReleaseRole } from './recipe.ts';

/** What a setting is read from is always a text: what was typed, and what is kept. */
const onOff = z.enum(['on', 'off']).transform((text) => text === 'on');

function whole(least: number, most: number): z.ZodType<number> {
  const digits = z.string().regex(/^\d{1,6}$/u);
  return digits.transform(Number).pipe(z.number().int().min(least).max(most));
}

const days: z.ZodType<number | null> = z.union([z.literal('all').transform(() => null), whole(1, 36_500)]);

const named: z.ZodType<string | null> = z
  .string()
  .min(1)
  .max(1024)
  .transform((text) => (text === 'none' ? null : text));

/** Separated by commas, as `gang --probes` takes them. */
const probes: z.ZodType<readonly string[]> = named.transform((text) =>
  text === null ? [] : text.split(',').map((each) => each.trim()),
);

/** What each setting of a station may be. */
export const SettingValues = z.object({
  'release.unsigned': z.enum(['until-set-up', 'allow', 'refuse']),
  'station.probes': probes,
  'station.release': named,
  'start.auto': onOff,
  'locks.wait': whole(1, 480),
  'log.keep': days,
  'screen.language': z.enum(['auto', 'en', 'zh-CN']),
  'screen.sound': onOff,
});
export type SettingValues = Readonly<z.infer<typeof SettingValues>>;
export type SettingName = keyof SettingValues;

export interface SettingKind {
  /** As it would be typed. */
  readonly initial: string;
  /** The range, for whoever types. */
  readonly allowed: string;
  readonly unit?: 'minutes' | 'days';
  /** Whose badge changes it at a station that has a plant; where there is none it is whoever has the station's account. */
  readonly roles: readonly ReleaseRole[];
  /** When a station that runs goes by a change. */
  readonly counts: 'at once' | 'from the next unit on' | 'from the next daily backup on' | 'from the next start on';
}

const ENGINEER: readonly ReleaseRole[] = ['process-engineer'];
const LINE: readonly ReleaseRole[] = ['supervisor', 'process-engineer'];

/**
 * The one table of a station's settings. What each means stands under its name in `resources/locales/<language>/settings.json`;
 * a test holds the two complete.
 */
export const SETTINGS: { readonly [Name in SettingName]: SettingKind } = {
  'release.unsigned': {
    initial: 'until-set-up',
    allowed: 'until-set-up, allow, refuse',
    roles: ENGINEER,
    counts: 'from the next unit on',
  },
  'station.probes': {
    initial: 'none',
    allowed: 'addresses of probes, separated by commas, or none',
    roles: ENGINEER,
    counts: 'from the next start on',
  },
  'station.release': {
    initial: 'none',
    allowed: 'a path, plant:<product>, or none',
    roles: ENGINEER,
    counts: 'from the next start on',
  },
  'start.auto': { initial: 'off', allowed: 'on, off', roles: LINE, counts: 'from the next start on' },
  'locks.wait': {
    initial: '10',
    allowed: '1 to 480',
    unit: 'minutes',
    roles: ENGINEER,
    counts: 'from the next unit on',
  },
  'log.keep': {
    initial: 'all',
    allowed: '1 to 36500, or all',
    unit: 'days',
    roles: ENGINEER,
    counts: 'from the next daily backup on',
  },
  'screen.language': { initial: 'auto', allowed: 'auto, en, zh-CN', roles: LINE, counts: 'at once' },
  'screen.sound': { initial: 'on', allowed: 'on, off', roles: LINE, counts: 'at once' },
};

const NAMES: readonly SettingName[] = SettingValues.keyof().options;
const Texts = z.record(SettingValues.keyof(), z.string());

export const settingNames: readonly SettingName[] = NAMES;

/** Undefined where there is no setting of this name. */
export function settingName(text: string): SettingName | undefined {
  return NAMES.find((name) => name === text);
}

export function isSettingText(name: SettingName, text: string): boolean {
  return SettingValues.shape[name].safeParse(text).success;
}

/** What is kept counts as far as this version understands it; the default does for the rest. */
export function settingTexts(kept: Readonly<Record<string, string>>): Readonly<Record<SettingName, string>> {
  const textOf = (name: SettingName): string => {
    const text = kept[name];
    return text !== undefined && isSettingText(name, text) ? text : SETTINGS[name].initial;
  };
  const texts = NAMES.map((name) => [name, textOf(name)] as const);
  return Texts.parse(Object.fromEntries(texts));
}

/** All of them, in the types that the program uses. */
export function settingValues(kept: Readonly<Record<string, string>>): SettingValues {
  return SettingValues.parse(settingTexts(kept));
}
