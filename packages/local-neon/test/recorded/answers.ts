/**
 * What Neon's own proxy answered: its public repository at commit 6a35a3e of 2026-03-25, built with its testing
 * backend, in front of Postgres 15 (direct) and of PgBouncer 1.24.1 (pooled). One line for each question
 * that questions.ts and slow-questions.ts ask; `USER` stands for the role. Messages of the protocol are
 * their letter and what is in them, `closed` has the close code that the client saw.
 */

export const DIRECT: Readonly<Record<string, string>> = {
  login:
    'R3 R0 S(application_name=) S(client_encoding=UTF8) S(DateStyle=ISO, MDY) S(default_transaction_read_only=off) S(in_hot_standby=off) S(integer_datetimes=on) S(IntervalStyle=postgres) S(is_superuser=on) S(server_encoding=UTF8) S(server_version=15.18 (Debian 15.18-0+deb12u1)) S(session_authorization=USER) S(standard_conforming_strings=on) S(TimeZone=Etc/UTC) K ZI',
  'login frames': '9,412',
  'after Terminate': 'closed 1000',
  'path /': 'ZI',
  'path /v1': 'ZI',
  'path /v2': 'ZI',
  'path /foo?x=1': 'ZI',
  'path /sql': 'ZI',
  'http GET /': '400 "query is not supported"',
  'http GET /v2': '400 "query is not supported"',
  'http OPTIONS /sql': '200',
  'http POST /sql':
    '400 {"message":"invalid header: neon-connection-string","code":"","detail":null,"hint":null,"position":null,"internalPosition":null,"internalQuery":null,"severity":"","where":null,"table":null,"column":nu',
  'http POST /v2': '400 "query is not supported"',
  'header sec-websocket-protocol': 'opened',
  'header sec-websocket-version': 'opened',
  deflate: 'ZI',
  'SSLRequest in ws': 'byte N',
  '…then startup': 'byte N R3',
  'GSSENCRequest in ws': 'byte N',
  'protocol 3.1': 'v R3',
  'protocol 3.2': 'v R3',
  'protocol 2.0': 'closed 1006',
  'protocol 0.1': 'closed 1006',
  'wrong password': "R3 E{S=ERROR C=XX000 M=password authentication failed for user 'USER'} closed 1006",
  'empty password': "R3 E{S=ERROR C=XX000 M=password authentication failed for user 'USER'} closed 1006",
  'unknown user': "R3 E{S=ERROR C=XX000 M=password authentication failed for user 'nobody'} closed 1006",
  'unknown database': 'R3 R0 E{S=ERROR C=XX000 M=database "nodb" does not exist} closed 1006',
  'no user': "E{S=ERROR C=XX000 M=Parameter 'user' is missing in startup packet.}",
  'no database': 'R3 R0 E{S=ERROR C=XX000 M=database "USER" does not exist} closed 1006',
  'long password': 'R3 E{S=ERROR C=XX000 M=Internal error} closed 1006',
  'empty user': "R3 E{S=ERROR C=XX000 M=password authentication failed for user ''} closed 1006",
  'param application_name': 'D["probe"] C(SHOW)',
  'param statement_timeout': 'D["0"] C(SHOW)',
  'param lock_timeout': 'D["0"] C(SHOW)',
  'param work_mem': 'D["7MB"] C(SHOW)',
  'param search_path': 'D["pg_catalog"] C(SHOW)',
  'param client_encoding': 'D["UTF8"] C(SHOW)',
  'param extra_float_digits': 'D["1"] C(SHOW)',
  'param DateStyle': 'D["ISO, MDY"] C(SHOW)',
  'param TimeZone': 'D["Etc/UTC"] C(SHOW)',
  'options endpoint=ep-cool-1': 'D["0","4MB"] C(SELECT 1)',
  'options project=x':
    "E{S=ERROR C=XX000 M=Inconsistent project name inferred from SNI ('ep-cool-1') and project option ('x').}",
  'options endpoint=other-1':
    "E{S=ERROR C=XX000 M=Inconsistent project name inferred from SNI ('ep-cool-1') and project option ('other-1').}",
  'options neon_x:y': 'D["0","4MB"] C(SELECT 1)',
  'options -c statement_timeout=55': 'D["55ms","4MB"] C(SELECT 1)',
  'options --work_mem=9MB': 'D["0","9MB"] C(SELECT 1)',
  'options garbage': 'E{S=ERROR C=XX000 M=invalid command-line argument for server process: garbage}',
  'options neon_proxy_params_compat:true': 'D["66ms","4MB"] C(SELECT 1)',
  'options -c bad': 'E{S=ERROR C=XX000 M=-c bad requires a value}',
  'startup+password one frame': 'R3 R0 K ZI',
  'startup+password+query one frame': 'R3 R0 K ZI T D["1"] C(SELECT 1) ZI',
  '…with wrong password':
    "R3 E{S=ERROR C=XX000 M=password authentication failed for user 'USER'} closed 1006",
  'login byte by byte': 'ZI',
  'query byte by byte': 'T D["42"] C(SELECT 1) ZI',
  'ws continuation': 'T D["43"] C(SELECT 1) ZI',
  'ping before login': 'pongs 0',
  'ping idle': 'pongs 0',
  '…after the next answer': 'pongs 1',
  'ping in a query': 'pongs 1',
  'long ping': 'pongs 1',
  '…after the answer': 'pongs 3',
  'text frame': 'closed 1006 ZI',
  'a bare Sync': 'ZI',
  'cancel right after the login': 'T E{S=ERROR V=ERROR C=57014 M=canceling statement due to user request} ZI',
  'empty frame': 'D["1"] C(SELECT 1)',
  'close handshake': 'closed 1000 bye',
  'client cut in a query': 'D["0"] C(SELECT 1)',
  '500 pipelined': '500 true',
  'frames of that': '323 frames, largest 1024',
  'query of 1 MB': 'D["1048576"]',
  'query of 20 MB': 'D["20971520"]',
  'query of 70 MB': 'D["73400320"]',
  'query of 130 MB': 'D["136314880"]',
  'answer of 1 MB': 'ZI frames 1025, largest 1024',
  'answer of 20 MB': 'ZI frames 20481, largest 1024',
  'answer of 70 MB': 'ZI frames 71681, largest 1024',
  'answer of 150 MB': 'ZI frames 153601, largest 1024',
  key: 'given',
  'cancel link': 'closed 1006',
  cancelled: 'T E{S=ERROR V=ERROR C=57014 M=canceling statement due to user request} ZI',
  'cancel with wrong key': 'closed 1006',
  'backend killed idle':
    'E{S=FATAL V=FATAL C=57P01 M=terminating connection due to administrator command} closed 1000',
  'first: Terminate first': 'open',
  'first: http text': 'closed 1006',
  'first: length 0': 'closed 1006',
  'first: huge length': 'closed 1006',
  'first: length 4': 'open',
  'Query instead of password': 'R3 E{S=ERROR C=XX000 M=Internal error} closed 1006',
  'unknown type after login': 'E{S=FATAL V=FATAL C=08P01 M=invalid frontend message type 126} closed 1000',
  '60 logins at once': '60 in',
  'COPY in': 'G C(COPY 2) ZI',
  'COPY out': 'H d d c C(COPY 2) ZI',
  notice: 'N{S=NOTICE V=NOTICE C=00000 M=hi} C(DO) ZI',
  'parameter change': 'C(SET) S(TimeZone=UTC) ZI',
  notify: 'C(LISTEN) C(NOTIFY) A ZI',
  'silent after upgrade': 'closed 1006 after 15 s',
  'silent at the password': 'open after 20 s R3'
}

const UNSUPPORTED =
  'Please use unpooled connection or remove this parameter from the startup package. More details: https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter}'
const ONLY_SETTINGS =
  "E{S=ERROR C=XX000 M=unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed}"

/** Where the pooled host answers something else. */
export const POOLED: Readonly<Record<string, string>> = {
  login:
    'R3 R0 S(default_transaction_read_only=off) S(in_hot_standby=off) S(integer_datetimes=on) S(is_superuser=on) S(server_encoding=UTF8) S(server_version=15.18 (Debian 15.18-0+deb12u1)) S(session_authorization=USER) S(DateStyle=ISO, MDY) S(client_encoding=UTF8) S(TimeZone=Etc/UTC) S(standard_conforming_strings=on) S(application_name=pgbouncer) S(IntervalStyle=postgres) K ZI',
  'login frames': '9,421',
  params: `E{S=ERROR C=XX000 M=unsupported startup parameter in options: work_mem. ${UNSUPPORTED}`,
  'options endpoint=ep-cool-1':
    "E{S=ERROR C=XX000 M=Inconsistent project name inferred from SNI ('ep-cool-1-pooler') and project option ('ep-cool-1').}",
  'options project=x':
    "E{S=ERROR C=XX000 M=Inconsistent project name inferred from SNI ('ep-cool-1-pooler') and project option ('x').}",
  'options endpoint=other-1':
    "E{S=ERROR C=XX000 M=Inconsistent project name inferred from SNI ('ep-cool-1-pooler') and project option ('other-1').}",
  'options -c statement_timeout=55': `E{S=ERROR C=XX000 M=unsupported startup parameter in options: statement_timeout. ${UNSUPPORTED}`,
  'options --work_mem=9MB': `E{S=ERROR C=XX000 M=unsupported startup parameter in options: work_mem. ${UNSUPPORTED}`,
  'options garbage': ONLY_SETTINGS,
  'options neon_proxy_params_compat:true': `E{S=ERROR C=XX000 M=unsupported startup parameter: statement_timeout. ${UNSUPPORTED}`,
  'options -c bad': ONLY_SETTINGS,
  'client cut in a query': 'D["1"] C(SELECT 1)',
  'frames of that': '205 frames, largest 1024',
  'answer of 20 MB': 'ZI frames 20482, largest 1024',
  'backend killed idle': 'open',
  'unknown type after login': 'E{S=FATAL C=08P01 M=unknown pkt} closed 1000'
}
