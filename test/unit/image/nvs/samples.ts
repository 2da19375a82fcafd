/** CSVs, and the SHA-256 of what Espressif's generator (esp-idf-nvs-partition-gen 0.2.0) makes of each. */
export interface NvsSample {
  readonly name: string;
  readonly version: 1 | 2;
  readonly size: number;
  readonly csv: string;
  /** By the name in the CSV. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly sha256: string;
}

const HEAD = 'key,type,encoding,value\n';
const text = (value: string) => new TextEncoder().encode(value);
const hexOf = (size: number) =>
  Array.from({ length: size }, (_, at) => ((at * 7 + 3) & 0xff).toString(16).padStart(2, '0')).join('');
const noise = (size: number) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
const numbers = (count: number) => Array.from({ length: count }, (_, at) => `n${at},data,u16,${at * 3}\n`).join('');

const EVERY_TYPE = `${HEAD}limits,namespace,,
u8,data,u8,255
i8,data,i8,-128
u16,data,u16,65535
i16,data,i16,-32768
u32,data,u32,4294967295
i32,data,i32,-2147483648
u64,data,u64,18446744073709551615
i64,data,i64,-9223372036854775808
fifteen_letters,data,string,"a comma, ""quotes"" and é"
empty,data,string,
hex,data,hex2bin,${hexOf(33)}
base64,data,base64,AAECAwQFBgf/
text,data,binary,as it stands
# a comment
other,namespace,,
u8,data,u8,0
from_text,file,string,some.txt
from_hex,file,hex2bin,some.hex
from_base64,file,base64,some.b64
from_binary,file,binary,some.bin
`;
const FILES = {
  'some.txt': text('two\nlines'),
  'some.hex': text('00ff10A5\n'),
  'some.b64': text('3q2+7w==\n'),
  'some.bin': noise(500),
};
const MORE_FILES = { 'large.bin': noise(9000), 'page.bin': noise(4000 - 32), 'single.bin': noise(1984) };

/** Where a page ends: entries before a blob. */
const BEHIND = [
  [122, '26d09eb8c64473c09d8fdb47bf213e4d49164cbc9a5cb8f29d109d6e8d3da7b5'],
  [123, '8a38e9c2945f4ed040b383706627d11e00c3d4dbfaa2434a523a68ba48968ca9'],
  [124, '88bc4eae75a23ca41b12a20170abe74af761b007f2dea795e9ef5093ed788a5c'],
  [125, '7d11778239c131c7d59ed30863375fa821c97a0b3648fc88177a30d1536bc937'],
] as const;

export const NVS_SAMPLES: readonly NvsSample[] = [
  {
    name: 'every type, version 1',
    version: 1,
    size: 0x3000,
    csv: EVERY_TYPE,
    files: FILES,
    sha256: '98b3fabb9b1459a296aec9e4675399047594a8680a45363c02b0c36503465470',
  },
  {
    name: 'every type, version 2',
    version: 2,
    size: 0x3000,
    csv: EVERY_TYPE,
    files: FILES,
    sha256: '8e4f5dfb7fac25bb932cd37fb894a29433aa0800a4b039bebeeaec9c27bdb0ef',
  },
  {
    name: 'strings that fill pages, version 2',
    version: 2,
    size: 0x6000,
    csv: `${HEAD}a,namespace,,\n${numbers(100)}s,data,string,${'x'.repeat(24 * 32 - 1)}\nt,data,string,${'y'.repeat(3900)}\nu,data,u8,1\n`,
    files: {},
    sha256: 'f8e4229928c07b1cf44955fd9cd41b91e46d2f91e8d2d232c3cf6191cd233bd9',
  },
  {
    name: 'blobs of one page, version 1',
    version: 1,
    size: 0x5000,
    csv: `${HEAD}a,namespace,,\n${[1, 2, 3, 4].map((at) => `b${at},file,binary,single.bin\n`).join('')}`,
    files: MORE_FILES,
    sha256: '1d6a1dfc7fdeaa3ee91366a1cef162cdc4f8b4646077d6a572736e50c4a94390',
  },
  {
    name: 'blobs over several pages, version 2',
    version: 2,
    size: 0x8000,
    csv: `${HEAD}a,namespace,,\n${numbers(20)}l,file,binary,large.bin\np,file,binary,page.bin\nz,data,hex2bin,\n`,
    files: MORE_FILES,
    sha256: '54779cdbec507dd519769055cb32cbb07615fb88b3c4f09a1532fc3147119797',
  },
  ...BEHIND.map(([count, sha256]) => ({
    name: `a blob behind ${count + 1} entries, version 2`,
    version: 2 as const,
    size: 0x4000,
    csv: `${HEAD}a,namespace,,\n${numbers(count)}b,data,hex2bin,${hexOf(40)}\nc,data,i8,-1\n`,
    files: {},
    sha256,
  })),
  {
    name: 'a partition for reading only',
    version: 2,
    size: 0x1000,
    csv: `${HEAD}a,namespace,,\nk,data,u8,7\n`,
    files: {},
    sha256: '08cec4c383facccee516f544bb1b60c22d6f2a9b76f8e25a8d1430404c4d5594',
  },
];
