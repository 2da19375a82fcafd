import { z } from 'zod';

/** How columns come out of either driver, as the contract has them. */

/** timestamptz: UTC, ISO 8601. */
export const TimeColumn = z.date().transform((at) => at.toISOString());
export const TimeOrNull = TimeColumn.nullable();
/** bigint; all of ours stay far below 2^53. */
export const CountColumn = z.number().int();
