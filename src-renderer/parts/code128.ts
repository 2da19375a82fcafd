/**
 * Code 128 (ISO/IEC 15417): widths of bar, space, bar, space, bar, space for the values 0 to 105, eleven modules each;
 * 103, 104 and 105 start in code sets A, B and C.
 */
const WIDTHS =
  '212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221' +
  '223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321' +
  '112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131' +
  '311123311321331121312113312311332111314111221411431111111224111422121124121421141122141221112214112412122114' +
  '122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141' +
  '214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214211232';

/** Thirteen modules, with the closing bar. */
const STOP = '2331112';

const START_B = 104;
const START_C = 105;
const TO_C = 99;
const TO_B = 100;

/** Quiet zone on either side, in modules (ISO/IEC 15417, 4.4). */
export const QUIET_MODULES = 10;

/**
 * Widths of bars and spaces in turn, a bar first, in modules. Code set B, with runs of four or more digits in code set
 * C at two digits a symbol. Throws RangeError for what code set B cannot hold (printable ASCII only).
 */
export function code128(text: string): number[] {
  const values = encode(text);
  const checksum = values.reduce((sum, value, index) => sum + value * Math.max(index, 1), 0) % 103;
  const pattern = [...values, checksum].map((value) => WIDTHS.slice(value * 6, value * 6 + 6)).join('') + STOP;
  return Array.from(pattern, Number);
}

function encode(text: string): number[] {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new RangeError('only printable ASCII can be a barcode');
  const values: number[] = [];
  let inC = false;
  for (let at = 0; at < text.length;) {
    const digits = /^(?:\d\d){2,}/.exec(text.slice(at))?.[0] ?? '';
    if (digits !== '') {
      values.push(...(values.length === 0 ? [START_C] : [TO_C]));
      for (let pair = 0; pair < digits.length; pair += 2) values.push(Number(digits.slice(pair, pair + 2)));
      at += digits.length;
      inC = true;
      continue;
    }
    if (values.length === 0) values.push(START_B);
    else if (inC) values.push(TO_B);
    values.push(text.charCodeAt(at) - 0x20);
    at += 1;
    inC = false;
  }
  return values;
}
