/** Node attributes by the type that is expected; an attribute of another type counts as absent. */
import type { Node, Tensor } from './graph.ts';

export function intOf(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

export function intsOf(node: Node, name: string): number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}

export function floatOf(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'float' ? attribute.value : otherwise;
}

export function floatsOf(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'floats' ? attribute.value : undefined;
}

export function textOf(node: Node, name: string, otherwise: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? attribute.value : otherwise;
}

export function tensorOf(node: Node, name: string): Tensor | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'tensor' ? attribute.value : undefined;
}

/** Of a Conv or a pool. */
export function isDilated(node: Node): boolean {
  return intsOf(node, 'dilations')?.some((dilation) => dilation !== 1) ?? false;
}
