import { Option } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';

export function scanOption(): Option {
  return new Option(
    '--scan <name=value...>',
    'what else was scanned of the unit, by the name that the recipe has for it',
  );
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
