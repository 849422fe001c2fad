/** A worker whose last word is what JSON makes of an infinite quality, and one that is no JSON. */
process.once('message', (message) => {
  const infinite = { metric: 'mse', value: Infinity, samples: 1, drop: 0, dropUpper: 0 };
  const answer = { type: 'measured', quality: infinite, outcome: null };
  const told = String(message).includes('no JSON') ? 'hello' : JSON.stringify(answer);
  process.send?.(told);
});
// It goes on until it is ended.
setInterval(() => {}, 1000);
