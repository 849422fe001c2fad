/**
 * The order of nodes: ONNX asks for one in which each value is made before it is used; not every
 * exporter obeys.
 */
import type { Node } from './graph.ts';
import { nodeLabel, usesOf } from './walk.ts';

export type Order = { readonly nodes: Node[] } | { readonly cycle: string };

/**
 * The nodes as they are where their order is right; otherwise sorted, as little moved as can be
 * (Kahn 1962).
 */
export function orderNodes(nodes: Node[]): Order {
  const makers = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const name of node.outputs) makers.set(name, index);
  });
  const needs = nodes.map((node) => {
    const before = new Set<number>();
    for (const name of usesOf(node)) {
      const maker = makers.get(name);
      if (maker !== undefined) before.add(maker);
    }
    return before;
  });
  const ordered = needs.every((before, index) => [...before].every((maker) => maker < index));
  return ordered ? { nodes } : sortNodes(nodes, needs);
}

function sortNodes(nodes: Node[], needs: readonly ReadonlySet<number>[]): Order {
  const followers: number[][] = nodes.map(() => []);
  const missing = needs.map((before) => before.size);
  needs.forEach((before, index) => {
    for (const maker of before) followers[maker]?.push(index);
  });
  const ready = missing.flatMap((count, index) => (count === 0 ? [index] : []));
  const sorted: Node[] = [];
  for (let next = 0; next < ready.length; next++) {
    const index = ready[next] ?? 0;
    sorted.push(...nodes.slice(index, index + 1));
    for (const follower of followers[index] ?? []) {
      const left = (missing[follower] ?? 0) - 1;
      missing[follower] = left;
      if (left === 0) ready.push(follower);
    }
  }
  if (sorted.length === nodes.length) return { nodes: sorted };
  return { cycle: cycleThrough(nodes, needs, missing) };
}

/** Walks back from a node that was never ready, through such nodes, until one comes again. */
function cycleThrough(
  nodes: readonly Node[],
  needs: readonly ReadonlySet<number>[],
  missing: readonly number[],
): string {
  const path = new Set<number>();
  let at = missing.findIndex((count) => count > 0);
  while (!path.has(at)) {
    path.add(at);
    at = [...(needs[at] ?? [])].find((maker) => (missing[maker] ?? 0) > 0) ?? at;
  }
  const steps = [...path];
  const around = steps.slice(steps.indexOf(at)).reverse();
  const labels = around.slice(0, 5).map((index) => labelAt(nodes, index));
  return labels.join(' → ') + (around.length > 5 ? ' → …' : '');
}

function labelAt(nodes: readonly Node[], index: number): string {
  const node = nodes[index];
  return node ? nodeLabel(node) : '';
}
