import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';

/** With seconds (and parts of them) or without. */
const Time = z.union([z.iso.date(), z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })]);

export const FROM = 'finished at or after: a date (its midnight, UTC) or an instant with its zone';
export const TO = 'finished before: as for --from';

export interface Span {
  readonly from?: string;
  readonly to?: string;
}

/** `--from` and `--to` as the log has its times: UTC, ISO 8601, milliseconds. What is not given is left out. */
export function spanOf({ from, to }: { readonly from?: string | undefined; readonly to?: string | undefined }): Span {
  const span = {
    ...(from === undefined ? {} : { from: instantOf('from', from) }),
    ...(to === undefined ? {} : { to: instantOf('to', to) }),
  };
  if (span.from !== undefined && span.to !== undefined && span.from >= span.to)
    throw usage(`--from (${span.from}) is not before --to (${span.to})`);
  return span;
}

/** A clock's reading without a zone is refused: twice a year it names two instants, or none. */
export function instantOf(name: string, text: string): string {
  if (!Time.safeParse(text).success)
    throw usage(
      `--${name} is a date such as 2026-03-29 or an instant with its zone such as 2026-03-29T06:00+02:00, not ${text}`,
    );
  return new Date(text).toISOString();
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
