import { Option } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Measurement } from '#shared/model/unit-record.ts';

export function scanOption(): Option {
  return new Option(
    '--scan <name=value...>',
    'what else was scanned of the unit, by the name that the recipe has for it',
  );
}

export function resultOption(): Option {
  return new Option(
    '--result <name=value...>',
    'what a functional test measured of the unit, with its unit behind it: vref=1.234V',
  );
}

const RESULT = /^([A-Za-z][\w-]*)=([+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,2})?)([^\s0-9]{0,16})$/u;

/** Throws `usage`. */
export function resultsOf(texts: readonly string[] = []): Measurement[] {
  return texts.map((text) => {
    const [, name, value, unit = ''] = RESULT.exec(text) ?? [];
    if (name !== undefined && value !== undefined) return { name, value: Number(value), unit };
    throw new FlashlineError('usage', {
      params: { detail: `--result is name=value such as vref=1.234V, not ${text}` },
    });
  });
}

/** Throws `usage`. */
export function scansOf(texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([a-z][a-z0-9-]*)=(.*)$/su.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new FlashlineError('usage', { params: { detail: `--scan is name=value such as batch=7B, not ${text}` } });
    }),
  );
}
