import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { type SettingName, settingNames, SETTINGS, SettingValues } from '#shared/model/settings.ts';
import type { SettingChange } from '../../log/settings-store.ts';
import { checkProbeUrl } from '../connect/ways.ts';
import { isPlantRelease } from '../plant-release.ts';
import { requireSetting, requireSettingText, type StationSettings } from '../station-settings.ts';
import { changeSetting, openSettings } from './change-setting.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { withStores } from './with-log.ts';

type End = (code: ExitCode) => void;

interface WordOptions extends CommonOptions {
  readonly language: string;
}

/** Of `settings get`. */
const CHANGES_SHOWN = 5;

export function settingsCommand(context: CliContext, end: End): Command {
  const settings = withExamples(new Command('settings'), [
    'settings list',
    'settings get log.keep',
    'settings set log.keep 400',
  ]);
  settings.description('the one table of this station’s settings');
  for (const make of [listCommand, getCommand, setCommand]) settings.addCommand(make(context, end));
  return settings;
}

function listCommand(context: CliContext, end: End): Command {
  const about = 'every setting: its value, its default, what it means';
  return command('list', about, ['settings list', 'settings list --language zh-CN', 'settings list --json'])
    .addOption(languageOption())
    .action(async (options: WordOptions) => {
      const meanings = meaningsOf(options.language, context);
      const settings = await withStores(context, (stores) => openSettings(stores, context));
      const facts = settingNames.map((name) => factsOf(name, settings, meanings));
      if (options.json) for (const each of facts) context.print(JSON.stringify({ type: 'setting', ...each }));
      else for (const line of tableOf(facts)) context.print(line);
      end(0);
    });
}

function getCommand(context: CliContext, end: End): Command {
  const about = 'one setting: its value, what it may be, who changed it';
  return command('get', about, ['settings get locks.wait', 'settings get locks.wait --json'])
    .argument('<name>', 'as "settings list" has it')
    .addOption(languageOption())
    .action(async (wanted: string, options: WordOptions) => {
      const name = requireSetting(wanted);
      const meanings = meaningsOf(options.language, context);
      const { facts, changes } = await withStores(context, async (stores) => {
        const settings = await openSettings(stores, context);
        return { facts: factsOf(name, settings, meanings), changes: await settings.changes(name, CHANGES_SHOWN) };
      });
      if (options.json) context.print(JSON.stringify({ type: 'setting', ...facts, changes }));
      else for (const line of [...factLines(facts), ...changes.map(changeLine)]) context.print(line);
      end(0);
    });
}

function setCommand(context: CliContext, end: End): Command {
  const about = 'changes a setting; at a station of a plant a badge says who it is (asked for, or $FLASHLINE_BADGE)';
  return command('set', about, [
    'settings set log.keep 400',
    'settings set station.probes cmsis-dap:@1-2.1,cmsis-dap:@1-2.2',
    'settings set station.release plant:my-product',
  ])
    .argument('<name>', 'as "settings list" has it')
    .argument('<value>', 'as "settings get" says')
    .action(async (wanted: string, value: string, options: CommonOptions) => {
      const name = requireSetting(wanted);
      const text = textOf(name, value);
      const change = await changeSetting(name, text, context);
      if (options.json) context.print(JSON.stringify({ type: 'setting.changed', ...change }));
      else context.print(`${change.name} is ${change.value} now: ${SETTINGS[name].counts}.`);
      end(0);
    });
}

/** Throws `setting-value` or `probe-address`: nothing that a station could not start with is ever kept. */
function textOf(name: SettingName, value: string): string {
  requireSettingText(name, value);
  if (name === 'station.probes') for (const url of SettingValues.shape[name].parse(value)) checkProbeUrl(url);
  const isPath = name === 'station.release' && value !== 'none' && !isPlantRelease(value);
  return isPath ? resolve(value) : value;
}

interface SettingFacts {
  readonly name: SettingName;
  readonly value: string;
  readonly default: string;
  readonly unit: string | null;
  readonly allowed: string;
  readonly roles: readonly string[];
  readonly counts: string;
  readonly meaning: string;
  /** Null: it was never changed. */
  readonly changedBy: string | null;
  readonly changedAt: string | null;
}

function factsOf(
  name: SettingName,
  settings: StationSettings,
  meanings: Readonly<Record<string, string>>,
): SettingFacts {
  const { initial, unit = null, allowed, roles, counts } = SETTINGS[name];
  const { text, by: changedBy, at: changedAt } = settings.state(name);
  const changed = { changedBy, changedAt };
  const meaning = meanings[name] ?? '';
  return { name, value: text, default: initial, unit, allowed, roles, counts, meaning, ...changed };
}

function tableOf(facts: readonly SettingFacts[]): string[] {
  const head = ['setting', 'value', 'default', 'meaning'] as const;
  const rows = facts.map(({ name, value, default: initial, unit, meaning }) => {
    const withUnit = (text: string) => (unit !== null && /^\d+$/u.test(text) ? `${text} ${unit}` : text);
    return [name, withUnit(value), withUnit(initial), meaning] as const;
  });
  const all = [head, ...rows];
  const widthOf = (column: 0 | 1 | 2) => Math.max(...all.map((row) => row[column].length));
  const widths = [widthOf(0), widthOf(1), widthOf(2)] as const;
  return all.map(([name, value, initial, meaning]) =>
    [name.padEnd(widths[0]), value.padEnd(widths[1]), initial.padEnd(widths[2]), meaning].join('  '),
  );
}

function factLines({ name, value, default: initial, unit, allowed, roles, counts, meaning }: SettingFacts): string[] {
  return [
    `${name}  ${value}`,
    `  means    ${meaning}`,
    `  may be   ${allowed}${unit === null ? '' : ` (${unit})`}; ${initial} where nobody has set it`,
    `  set by   ${roles.join(' or ')}; counts ${counts}`,
  ];
}

function changeLine({ value, by, at }: SettingChange): string {
  return `  ${at}  ${value}, by ${by}`;
}

const Meanings = z.record(z.string(), z.string());

function meaningsOf(language: string, { resources }: CliContext): Readonly<Record<string, string>> {
  return Meanings.parse(JSON.parse(readFileSync(join(resources, 'locales', language, 'settings.json'), 'utf8')));
}

function languageOption(): Option {
  return new Option('--language <language>', 'of what settings mean').choices(['en', 'zh-CN']).default('en');
}
