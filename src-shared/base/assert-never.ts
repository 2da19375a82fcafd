/** The compiler's proof that a union was handled whole; throws should a value slip past the types. */
export function assertNever(value: never, what: string): never {
  throw new TypeError(`unhandled ${what}: ${JSON.stringify(value)}`);
}
