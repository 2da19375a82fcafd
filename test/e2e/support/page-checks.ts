/** Every page of the frame, and what looks different with something on it. */
export const PAGES = [
  '/',
  '/trace?serial=HB000001',
  '/trace?serial=HB000005',
  '/find?by=batch&value=lot+7',
  `/recall?by=image&value=${'d'.repeat(64)}`,
  '/releases',
  '/orders',
  '/numbers',
  '/keys',
  '/stations',
  '/findings',
  '/buyers',
  '/users',
  '/audit',
  '/verify',
  '/certificate?product=hello-nrf52&serial=HB000001',
  '/nowhere',
] as const;

/* What follows runs in the page, each as it stands: no imports, nothing from around it. */

/** Whatever scrolls sideways, the page itself included. */
export function widerThanScreen(): string[] {
  return [document.documentElement, ...document.querySelectorAll('body *')]
    .filter((each) => {
      const scrolls = each === document.documentElement || /auto|scroll/.test(getComputedStyle(each).overflowX);
      return scrolls && each.scrollWidth > each.clientWidth + 1;
    })
    .map((each) => `${each.tagName} ${each.scrollWidth} > ${each.clientWidth}`);
}

/** Controls without a name for whoever cannot see them. */
export function unnamed(): string[] {
  return [...document.querySelectorAll<HTMLElement>('a, button, input, select, textarea, table, nav')]
    .filter((each) => {
      // What is hidden from them and cannot be reached, as a field's own measuring copy, needs none.
      if (!each.checkVisibility() || each.matches('[aria-hidden=true][tabindex="-1"]')) return false;
      const labels = 'labels' in each && each.labels instanceof NodeList ? [...each.labels] : [];
      const words = [each.getAttribute('aria-label'), each.innerText, ...labels.map((label) => label.textContent)];
      return words.every((word) => (word ?? '').trim() === '');
    })
    .map((each) => each.outerHTML.slice(0, 120));
}

/** Texts with less contrast than 4.5 to what is behind them (WCAG 2.2, 1.4.3). Disabled controls are exempt there. */
export function weakContrast(): string[] {
  type Colour = readonly [number, number, number, number];
  const parse = (text: string): Colour => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return [red, green, blue, alpha];
  };
  const over = ([r, g, b, a]: Colour, [R, G, B]: Colour): Colour => [
    r * a + R * (1 - a),
    g * a + G * (1 - a),
    b * a + B * (1 - a),
    1,
  ];
  const luminance = (colour: Colour): number => {
    const [r = 0, g = 0, b = 0] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element): Colour => {
    const layers: Colour[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement)
      layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reduceRight<Colour>((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const weak: string[] = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(
      ({ nodeType, textContent }) => nodeType === 3 && textContent?.trim() !== '',
    );
    if (!own || !element.checkVisibility() || element.matches(':disabled, .Mui-disabled, title, option')) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const ink = over(parse(element instanceof SVGElement ? style.fill : style.color), ground);
    const [bright = 0, dark = 0] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${element.tagName} ${(element.textContent ?? '').slice(0, 40)}`);
  }
  return weak;
}
