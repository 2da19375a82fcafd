/** SHA-256 of nothing at all, base64. */
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

/**
 * What a page of ours may load: its own files and nothing else. MUI's style engine (emotion, as built for production) adds
 * style elements that are empty and fills them through the CSS object model, which the policy does not govern; so
 * allowing the hash of an empty style element suffices, and no inline style text can ever get in.
 * `connect` lists what the page may talk to.
 */
export function contentSecurityPolicy(connect: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${EMPTY_STYLE}`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src ${connect.length === 0 ? "'none'" : connect.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
