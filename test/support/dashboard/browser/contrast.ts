/** The contrast of every text in sight against what lies behind it (WCAG 2.2, 1.4.3). */
import type { Page } from 'playwright-core';

export interface TextContrast {
  readonly text: string;
  readonly where: string;
  readonly color: string;
  readonly background: string;
  readonly ratio: number;
}

interface Painted {
  readonly text: string;
  readonly where: string;
  readonly color: string;
  /** Backgrounds from the text outwards, up to the first opaque one. */
  readonly behind: readonly string[];
}

type Rgba = readonly [number, number, number, number];

export async function textContrasts(page: Page): Promise<TextContrast[]> {
  const painted: Painted[] = await page.evaluate(collect);
  return painted.map(({ text, where, color, behind }) => {
    const background = behind.map(parseColor).reduceRight(over, [255, 255, 255, 1]);
    const ratio = contrast(over(background, parseColor(color)), background);
    return { text, where, color, background: background.join(' '), ratio };
  });
}

/** Runs in the page. */
function collect(): Painted[] {
  const found: Painted[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent?.trim() ?? '';
    if (element === null || text === '' || !element.checkVisibility()) continue;
    if (element.closest('title, desc, .unseen, button:disabled')) continue;
    const style = getComputedStyle(element);
    const behind: string[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') behind.push(backgroundColor);
      if (/^rgb\(/.test(backgroundColor)) break;
    }
    found.push({
      text: text.slice(0, 40),
      where: `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''}`,
      color: element instanceof SVGElement ? style.fill : style.color,
      behind,
    });
  }
  return found;
}

function parseColor(text: string): Rgba {
  const numbers = [...text.matchAll(/[\d.]+/g)].map(([digits]) => Number(digits));
  const scale = text.startsWith('color(') ? 255 : 1;
  const [red = 0, green = 0, blue = 0, alpha = 1] = numbers;
  return [red * scale, green * scale, blue * scale, alpha];
}

function over(below: Rgba, above: Rgba): Rgba {
  const mix = (index: 0 | 1 | 2) => above[index] * above[3] + below[index] * (1 - above[3]);
  return [mix(0), mix(1), mix(2), 1];
}

function contrast(a: Rgba, b: Rgba): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

function luminance([red, green, blue]: Rgba): number {
  const linear = (value: number) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
