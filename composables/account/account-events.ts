/**
 * What happened to an account, in words. `whose`: `own` after the person's name, `your` to the person, else
 * the name of the person.
 */
export function accountWords(action: string, whose: string): string {
  const of = whose === 'own' || whose === 'your' ? '' : ` of ${whose}`
  const words: Record<string, string> = {
    'account.created': 'created an account',
    'account.signed-in': 'signed in',
    'account.sign-in-refused': of
      ? `failed to sign in to the account${of}`
      : whose === 'your' ? 'sign-in failed: incorrect password' : 'had a failed sign-in: incorrect password',
    'account.signed-out': 'signed out',
    'account.session-ended': whose === 'your' ? 'signed out a session' : 'signed out one of their sessions',
    'account.other-sessions-ended': 'signed out all other sessions',
    'account.password-changed': 'changed the password',
    'account.password-refused': of
      ? `entered an incorrect current password to change the password${of}`
      : whose === 'your'
        ? 'password change failed: incorrect current password'
        : 'failed to change the password: incorrect current password',
    'account.password-reset-requested': of
      ? `asked for a link to reset the password${of}`
      : 'asked for a link to reset the password',
    'account.password-reset': 'reset the password by a link from an email',
    'account.renamed': 'changed the name',
    'account.organisation-entered':
      whose === 'your' ? 'switched to another organisation' : 'switched to this organisation',
  }
  const text = words[action] ?? action
  return whose === 'your' ? text[0]!.toUpperCase() + text.slice(1) : text
}
