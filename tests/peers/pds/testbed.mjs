// One did:plc directory and two reference PDSes (A and B) on the loopback interface. Needs Node 22.
//
//   node testbed.mjs [--data DIR] [--plc N] [--a N] [--b N] [--ctl N] [--blob-limit BYTES]
//                    [--log FILE] [--rate-limits] [--legacy-did-docs] [--until-eof]
//
// A port of 0 (the default) picks a free one. Prints one JSON line on stdout when everything
// answers; stops on SIGTERM and SIGINT, and with --until-eof when its stdin closes.
//
// Control server (ctl):
//   GET  /mail[?to=ADDR][&template=plcOperation]  mails "sent" so far: [{pds,to,template,params,at}]
//   POST /stop?pds=a   POST /start?pds=a          take one PDS down, bring it up again (same data)
//   GET  /plc/dump                                every PLC operation, in the audit log's form
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const text = { type: 'string' }
const flag = { type: 'boolean', default: false }
const { values: args } = parseArgs({
  options: {
    data: text, plc: text, a: text, b: text, ctl: text, log: text, 'blob-limit': text,
    'rate-limits': flag, 'legacy-did-docs': flag, 'until-eof': flag,
  },
})

// pino and @did-plc/server read these once, at import
process.env.LOG_ENABLED = args.log ? 'true' : 'false'
process.env.LOG_LEVEL ??= 'info'
if (args.log) process.env.LOG_DESTINATION = path.resolve(args.log)
process.env.ENABLE_LOGS ??= 'false'
const { HOST, startPlc } = await import('./plc.mjs')
const { ADMIN_PASSWORD, startPds, version } = await import('./pds.mjs')

const freePort = (wanted) =>
  Number(wanted) ||
  new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const ports = {}
for (const name of ['plc', 'a', 'b', 'ctl']) ports[name] = await freePort(args[name])
const folder = args.data ? path.resolve(args.data) : mkdtempSync(path.join(os.tmpdir(), 'skypail-bed-'))

const plc = await startPlc(ports.plc, { legacyDidDocs: args['legacy-did-docs'] })
const mails = []
const boot = (name) =>
  startPds(name, ports[name], {
    folder,
    plcUrl: plc.url,
    mails,
    blobLimit: Number(args['blob-limit']) || undefined,
    rateLimits: args['rate-limits'],
  })
const running = { a: await boot('a'), b: await boot('b') }

const stopPds = async (name) => {
  const pds = running[name]
  running[name] = null
  await pds?.destroy()
  return { pds: name, up: false }
}

const answer = async (method, { pathname, searchParams }) => {
  const name = searchParams.get('pds')
  const to = searchParams.get('to')
  const template = searchParams.get('template')
  const wanted = (mail) => (!to || mail.to === to) && (!template || mail.template === template)
  if (method === 'GET' && pathname === '/mail') return mails.filter(wanted)
  if (method === 'GET' && pathname === '/plc/dump') return plc.dump()
  if (method !== 'POST' || !(name in running)) return undefined
  if (pathname === '/stop') return stopPds(name)
  if (pathname !== '/start') return undefined
  running[name] ??= await boot(name)
  return { pds: name, up: true }
}

const control = http.createServer(async (request, response) => {
  const [status, body] = await answer(request.method, new URL(request.url, 'http://ctl')).then(
    (found) => (found ? [200, found] : [404, { error: 'no such control call' }]),
    (error) => [500, { error: String(error?.stack ?? error) }],
  )
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
})
await new Promise((resolve) => control.listen(ports.ctl, HOST, resolve))

let stopping = false
const stop = async () => {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(1), 10_000).unref()
  control.close()
  control.closeAllConnections()
  await Promise.allSettled([stopPds('a'), stopPds('b')])
  await plc.stop()
  if (!args.data) rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
if (args['until-eof']) process.stdin.on('end', stop).resume()

process.stdout.write(
  JSON.stringify({
    pid: process.pid,
    plc: plc.url,
    a: `http://localhost:${ports.a}`,
    b: `http://localhost:${ports.b}`,
    ctl: `http://localhost:${ports.ctl}`,
    adminPassword: ADMIN_PASSWORD,
    pds: version,
    node: process.version,
  }) + '\n',
)
