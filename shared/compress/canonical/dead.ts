import type { Rewrite } from './rewrite.ts';

/** Takes out nodes whose outputs nothing needs, then constants that no node uses. */
export const dead: Rewrite = {
  name: 'dead',
  reason: 'nothing uses them',
  apply({ rewriter }) {
    let count = 0;
    for (const node of [...rewriter.graph.nodes].reverse()) {
      const needed = node.outputs.some(
        (output) =>
          output !== '' && (rewriter.pinned(output) || rewriter.consumers(output).length > 0),
      );
      if (needed) continue;
      rewriter.remove(node);
      count += 1;
    }
    const { initializers, inputs } = rewriter.graph;
    const given = new Set(inputs.map(({ name }) => name));
    for (const name of [...initializers.keys()]) {
      if (rewriter.consumers(name).length === 0 && !rewriter.pinned(name) && !given.has(name)) {
        initializers.delete(name);
      }
    }
    return count;
  },
};
