import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_ALLOW, restorableEnvironment, selectEnvironment } from '../../src/trust/environment.ts';
import { isDangerous, looksSecretName } from '../../src/trust/environment-names.ts';

const list = (text: string): string[] => text.trim().split(/\s+/u);
const captured = (env: Record<string, string>) =>
  new Map(Object.entries(env).map(([k, v]) => [k, Buffer.from(v)] as const));

const RUNS_CODE = list(`
  LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES GLIBC_TUNABLES GCONV_PATH BASH_ENV ENV PROMPT_COMMAND
  PS1 PS2 PS4 BASH_FUNC_ls BASHOPTS SHELLOPTS IFS ZDOTDIR FPATH PATH HOME SHELL CDPATH INPUTRC HISTFILE fish_function_path
  NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_SCRIPT_SHELL npm_config_prefix PYTHONSTARTUP PYTHONPATH
  PYTHONHOME PIP_INDEX_URL PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB BUNDLE_GEMFILE LUA_INIT PHPRC R_PROFILE
  GIT_SSH_COMMAND GIT_PAGER GIT_EXTERNAL_DIFF GIT_EDITOR GIT_ASKPASS GIT_EXEC_PATH GIT_DIR GIT_INDEX_FILE GIT_CONFIG_COUNT
  GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS EDITOR VISUAL SVN_EDITOR PAGER MANPAGER AWS_PAGER LESSOPEN
  LESSCLOSE LESS BROWSER FZF_DEFAULT_COMMAND FZF_DEFAULT_OPTS RIPGREP_CONFIG_PATH VIMINIT EXINIT MYVIMRC JAVA_TOOL_OPTIONS
  _JAVA_OPTIONS JDK_JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS CLASSPATH JAVA_HOME CC CXX MAKEFLAGS CFLAGS GOFLAGS GOPROXY
  RUSTC_WRAPPER RUSTFLAGS CARGO_HOME CMAKE_TOOLCHAIN_FILE TMUX TMUX_PANE TMUX_TMPDIR TERM TERMINFO TERM_PROGRAM
  SSH_AUTH_SOCK SSH_ASKPASS SUDO_ASKPASS RSYNC_RSH CVS_RSH BORG_PASSCOMMAND KUBECONFIG DOCKER_HOST DOCKER_CONFIG
  AWS_CONFIG_FILE AWS_ENDPOINT_URL ANSIBLE_CONFIG TF_CLI_ARGS TF_CLI_CONFIG_FILE COMPOSE_FILE XDG_CONFIG_HOME
  DIRENV_CONFIG STARSHIP_CONFIG OPENSSL_CONF SSL_CERT_FILE http_proxy HTTPS_PROXY all_proxy CURL_CA_BUNDLE CURL_HOME
  QT_PLUGIN_PATH GTK_MODULES GTK2_RC_FILES PSQLRC PGSERVICEFILE SSLKEYLOGFILE DOTNET_STARTUP_HOOKS CORECLR_PROFILER_PATH
  ERL_AFLAGS GHCRTS OCAMLRUNPARAM VIRTUAL_ENV USER LOGNAME PWD TMPDIR DISPLAY ANTHROPIC_BASE_URL TAR_OPTIONS XZ_OPT ZIPOPT
  HOSTALIASES LOCPATH NLSPATH TZDIR MAILCAPS OPENER PARALLEL SPRING_CONFIG_LOCATION ELECTRON_RUN_AS_NODE
`);
const HARMLESS = list(`
  NODE_ENV RAILS_ENV AWS_PROFILE COMPOSE_PROJECT_NAME TF_WORKSPACE RUST_LOG TZ FOO PROJECT DEBUG LANG LC_ALL EDGE_MODE
  PGDATABASE PORT COLOR CI TENANT STAGE FEATURE_FLAG_X LANGUAGE
`);

describe('isDangerous', () => {
  test.each(RUNS_CODE)('E1 %s is never set for someone else', (name) => {
    expect(isDangerous(name)).toBe(true);
    for (const approved of [true, false]) {
      const { set, dropped } = restorableEnvironment({ [name]: 'x' }, { allow: [name], approved });
      expect(set).toEqual({});
      expect(dropped).toEqual([{ name, reason: 'dangerous' }]);
    }
    expect(selectEnvironment(captured({ [name]: 'x' }), [name], { secrets: true }).env).toEqual({});
  });

  test.each(HARMLESS)('%s is not refused', (name) => {
    expect(isDangerous(name)).toBe(false);
  });

  test('E1 the default list holds nothing that is dangerous or looks like a secret', () => {
    expect(DEFAULT_ALLOW.filter((name) => isDangerous(name) || looksSecretName(name))).toEqual([]);
    expect(new Set(DEFAULT_ALLOW).size).toBe(DEFAULT_ALLOW.length);
  });

  test('E1 what git says is local to a repository is covered', () => {
    const local = list(
      'GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_WORK_TREE GIT_PREFIX GIT_COMMON_DIR GIT_NAMESPACE GIT_GRAFT_FILE',
    );
    expect(local.filter((name) => !isDangerous(name))).toEqual([]);
  });
});

describe('looksSecretName', () => {
  test.each(
    list(`GITHUB_TOKEN MY_API_TOKEN DB_PASSWORD PGPASSWORD MYSQL_PWD SECRET_KEY_BASE API_KEY APIKEY AWS_SECRET_ACCESS_KEY
      OPENAI_KEY CREDENTIALS BASIC_AUTH PASSPHRASE DATABASE_URL REDIS_URL MONGODB_URI SENTRY_DSN githubToken apiKey SSH_PRIVATE
      STRIPE_KEY2 SESSION_COOKIE SLACK_WEBHOOK DB_PASS`),
  )('E6 %s', (name) => {
    expect(looksSecretName(name)).toBe(true);
  });

  test.each(
    list(
      'AUTHOR COMPASS BYPASS_CACHE KEYBOARD KEYMAP PATTERN PINNED PROJECT URL BASE_URL NODE_ENV TZ PASSENGER',
    ),
  )('%s is none', (name) => {
    expect(looksSecretName(name)).toBe(false);
  });
});

describe('selectEnvironment', () => {
  test('E6 saves what is on the list, and nothing else', () => {
    const { env, refused } = selectEnvironment(captured({ FOO: 'bar', BAR: 'x', TZ: 'UTC' }), [
      'FOO',
      'TZ',
      'UNSET',
    ]);
    expect({ ...env }).toEqual({ FOO: 'bar', TZ: 'UTC' });
    expect(refused).toEqual([]);
  });

  test('E6 a secret is saved only where that was said', () => {
    const from = captured({ MY_TOKEN: 'x' });
    expect(selectEnvironment(from, ['MY_TOKEN'])).toEqual({
      env: {},
      refused: [{ name: 'MY_TOKEN', reason: 'secret' }],
    });
    expect({ ...selectEnvironment(from, ['MY_TOKEN'], { secrets: true }).env }).toEqual({ MY_TOKEN: 'x' });
  });

  test('E2 names that are none', () => {
    const names = ['A=B', 'A\nB', '', '1A', '__proto__', 'constructor', 'BASH_FUNC_ls%%'];
    const { env, refused } = selectEnvironment(new Map(names.map((n) => [n, Buffer.from('x')])), names);
    expect(Object.keys(env)).toEqual([]);
    expect(refused.map((r) => r.reason)).toEqual(names.map(() => 'invalid-name'));
  });

  test('bytes are kept, what is too long for tmux is refused', () => {
    const { env, refused } = selectEnvironment(
      new Map([
        ['RAW', Buffer.from([0xff])],
        ['LONG', Buffer.alloc(9000, 'x')],
        ['NUL', Buffer.from([0])],
      ]),
      ['RAW', 'LONG', 'NUL'],
    );
    expect({ ...env }).toEqual({ RAW: { base64: '/w==' } });
    expect(refused).toEqual([
      { name: 'LONG', reason: 'too-long' },
      { name: 'NUL', reason: 'invalid-value' },
    ]);
  });
});

describe('restorableEnvironment', () => {
  const env = { FOO: 'bar', TZ: 'UTC', LD_PRELOAD: '/evil.so' };

  test('E1 not approved: only the restorer’s own list', () => {
    const { set, dropped } = restorableEnvironment(env, { allow: ['TZ', 'LD_PRELOAD'], approved: false });
    expect({ ...set }).toEqual({ TZ: 'UTC' });
    expect(dropped).toEqual([
      { name: 'FOO', reason: 'not-allowed' },
      { name: 'LD_PRELOAD', reason: 'dangerous' },
    ]);
  });

  test('E1 approved: all that is harmless', () => {
    const { set, dropped } = restorableEnvironment(env, { allow: [], approved: true });
    expect({ ...set }).toEqual({ FOO: 'bar', TZ: 'UTC' });
    expect(dropped).toEqual([{ name: 'LD_PRELOAD', reason: 'dangerous' }]);
  });

  test('D4 E2 a forged record can neither pollute a prototype nor set what is no variable', () => {
    const forged = JSON.parse('{"__proto__":"x","A=B":"y","OK":{"base64":"AA=="}}') as Record<string, string>;
    const { set, dropped } = restorableEnvironment(forged, {
      allow: ['__proto__', 'A=B', 'OK'],
      approved: true,
    });
    expect(Object.keys(set)).toEqual([]);
    expect(dropped.map((d) => d.reason)).toEqual(['invalid-name', 'invalid-value', 'invalid-name']);
  });

  test('E1 whatever the name: set or dropped, and never set where it is dangerous', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(fc.constantFrom(...RUNS_CODE, ...HARMLESS), fc.string()), fc.string()),
        fc.boolean(),
        (record, approved) => {
          const { set, dropped } = restorableEnvironment(record, { allow: Object.keys(record), approved });
          expect([...Object.keys(set), ...dropped.map((d) => d.name)].toSorted()).toEqual(
            Object.keys(record).toSorted(),
          );
          expect(Object.keys(set).filter((n) => isDangerous(n) || !/^[A-Za-z_]\w*$/u.test(n))).toEqual([]);
        },
      ),
    );
  });
});
