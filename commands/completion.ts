/** `fettle completion SHELL`: a script that lets the shell ask `fettle --complete` at every tab. */
import { FettleError } from '../shared/errors.ts';
import { argument } from './client.ts';
import type { Command } from './command.ts';

const bash = `_fettle() {
  COMPREPLY=($(compgen -W "$(fettle --complete "\${COMP_WORDS[@]:1:COMP_CWORD}")" -- "$2"))
}
complete -o default -F _fettle fettle`;

const zsh = `#compdef fettle
_fettle() {
  local -a found
  found=(\${(f)"$(fettle --complete "\${(@)words[2,CURRENT]}")"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
compdef _fettle fettle`;

const fish = `function __fettle_complete
  set -l words (commandline -opc) (commandline -ct)
  fettle --complete $words[2..-1]
end
complete -c fettle -a '(__fettle_complete)'`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export const command: Command = {
  args: ['SHELL'],
  options: [],
  async run(context) {
    const shell = argument(context, 'SHELL');
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) {
      const expected = Object.keys(scripts).join(', ');
      throw new FettleError('BAD_ARGUMENT', { what: 'SHELL', expected, got: shell });
    }
    context.io.line(script);
    context.io.result({ shell, script });
  },
};
