/** UTC; minutes and seconds are zero. */
export interface IssueDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
}

/** In five bits, from 2000. */
export const FIRST_YEAR = 2000;
export const LAST_YEAR = 2031;
export const MOST_EXPIRE_YEARS = 31;

export interface CertificateDates {
  readonly issued: IssueDate;
  /** After the issue; 0: it does not expire. */
  readonly expireYears: number;
}

/**
 * As Microchip's compressed certificates have them (DS20006367): year in 5 bits, month in 4, day, hour and years to the end in 5 each.
 * Throws RangeError for what does not fit.
 */
export function encodedDates({ issued, expireYears }: CertificateDates): Uint8Array {
  requireDate(issued);
  if (!Number.isInteger(expireYears) || expireYears < 0 || expireYears > MOST_EXPIRE_YEARS)
    throw new RangeError(`years to its end ${expireYears}`);
  const { year, month, day, hour } = issued;
  const dates = ((year - FIRST_YEAR) << 19) | (month << 15) | (day << 10) | (hour << 5) | expireYears;
  return Uint8Array.of(dates >>> 16, (dates >>> 8) & 0xff, dates & 0xff);
}

export function requireDate({ year, month, day, hour }: IssueDate): void {
  const real = new Date(Date.UTC(year, month - 1, day, hour));
  const same = real.getUTCMonth() === month - 1 && real.getUTCDate() === day && real.getUTCHours() === hour;
  if (!same || year < FIRST_YEAR || year > LAST_YEAR)
    throw new RangeError(`an issue date of ${year}-${month}-${day}, ${hour} h: from 2000 to 2031 is what it can say`);
}
