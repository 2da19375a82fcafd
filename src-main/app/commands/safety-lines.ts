import type { SafetyState } from '../../log/log-safety.ts';

/** What is not in the log, and where it is, in words; nothing where all is there. */
export function safetyLines({ archives, gaps, strays }: SafetyState): string[] {
  const [oldest] = archives;
  const newest = archives.at(-1);
  const ranges = gaps.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`));
  return [
    ...(oldest && newest
      ? [
          `Records ${oldest.first} to ${newest.sequence} are in archives (${archives.length} files in the folder archives).`,
        ]
      : []),
    ...(gaps.length > 0 ? [`Records that a damaged file lost: ${ranges.join(', ')}.`] : []),
    ...(strays > 0 ? [`${strays} texts of records from a damaged file fit nowhere and are kept as they are.`] : []),
  ];
}
