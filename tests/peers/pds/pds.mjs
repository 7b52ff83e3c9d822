// One reference PDS on loopback, its data in a folder, its mails kept in a list.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { HOST } from './plc.mjs'

export const ADMIN_PASSWORD = 'admin-pass'
export const version = createRequire(import.meta.url)('@atproto/pds/package.json').version

const sha256hex = (text) => createHash('sha256').update(text).digest('hex')

/** Starts the PDS `name` on `port`; mails that it sends are pushed to `mails`. */
export const startPds = async (name, port, { folder, plcUrl, mails, blobLimit, rateLimits = false }) => {
  const { PDS, envToCfg, envToSecrets } = await import('@atproto/pds') // after the log's switches are set
  const env = environment(name, port, path.join(folder, name), plcUrl, rateLimits)
  if (blobLimit) env.blobUploadLimit = blobLimit
  const pds = await PDS.create(envToCfg(env), envToSecrets(env))
  const listen = pds.app.listen.bind(pds.app)
  pds.app.listen = (port, ...rest) => listen(port, HOST, ...rest) // it would bind every interface
  const send = pds.ctx.mailer.sendTemplate.bind(pds.ctx.mailer)
  pds.ctx.mailer.sendTemplate = async (template, params, options) => {
    mails.push({ pds: name, to: options.to, template, params, at: new Date().toISOString() })
    return send(template, params, options)
  }
  await pds.start()
  return pds
}

const environment = (name, port, folder, plcUrl, rateLimitsEnabled) => {
  mkdirSync(path.join(folder, 'blobs'), { recursive: true })
  return {
    devMode: true, // plain-http OAuth issuer, no SSRF guard, response validation
    port,
    hostname: 'localhost', // the only hostname whose public URL is http://
    serviceDid: `did:web:localhost%3A${port}`, // the default would be the same for A and B
    serviceName: `Testbed PDS ${name.toUpperCase()}`,
    serviceHandleDomains: [`.${name}.test`],
    dataDirectory: folder,
    blobstoreDiskLocation: path.join(folder, 'blobs'),
    blobstoreDiskTmpLocation: path.join(folder, 'blobs-tmp'),
    didPlcUrl: plcUrl,
    didCacheStaleTTL: 1, // milliseconds: always look the DID up again
    didCacheMaxTTL: 1,
    adminPassword: ADMIN_PASSWORD,
    jwtSecret: `jwt-secret-${name}`,
    dpopSecret: sha256hex(`dpop ${name}`),
    plcRotationKeyK256PrivateKeyHex: sha256hex(`testbed rotation key ${name}`), // survives a restart
    inviteRequired: false,
    disableSsrfProtection: true,
    enableDidDocWithSession: true,
    rateLimitsEnabled,
    crawlers: [],
    // Preferences are only routed when some AppView is configured; it is never asked.
    // Port 9 on loopback answers nothing.
    bskyAppViewUrl: 'http://127.0.0.1:9',
    bskyAppViewDid: 'did:web:appview.invalid',
  }
}
