// Made by `npm run docs` from openapi.json; a test fails when the two differ.
export interface paths {
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document
         * @description As a page: `/api-reference`.
         *
         *     For everybody.
         */
        get: operations["getOpenapiJson"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what happened to your account
         * @description The newest first.
         *
         *     For whoever is signed in.
         */
        get: operations["getAccountEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit-entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List audit entries
         * @description The newest first.
         *
         *     For owners and managers (`audit:read`).
         */
        get: operations["getAuditEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit-exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Export audit entries
         * @description Answers with a job. Its file can be downloaded once it is done, and for a week.
         *
         *     For owners and managers (`audit:read`).
         */
        post: operations["postAuditExports"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/device-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events of devices
         * @description Alarms, ignition, buttons, power, driver cards, geofences of the device. The newest first.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDeviceEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/device-messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List messages of devices that moved nothing
         * @description Those that were judged, quarantined or refused, as they came, each with its reason. The newest first.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDeviceMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/device-replays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Judge the kept messages of a device anew
         * @description After its unit or clock was corrected. Answers with a job, whose progress counts messages.
         *
         *     For owners and managers (`devices:write`).
         */
        post: operations["postDeviceReplays"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List devices
         * @description In the order of their names. While no database server can be reached, the last answer to the same question with `Fleet2-Stale`, unless it was a search.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevices"];
        put?: never;
        /**
         * Add a device
         * @description For owners and managers (`devices:write`).
         */
        post: operations["postDevices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a device
         * @description For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevicesById"];
        put?: never;
        post?: never;
        /**
         * Remove a device
         * @description For owners and managers (`devices:write`).
         */
        delete: operations["deleteDevicesById"];
        options?: never;
        head?: never;
        /**
         * Change a device
         * @description Only what is given is changed. `version`, if given, must be the present one. `tokenRequired: false` is as sensitive as giving the token away; so is `addressRequired: false`.
         *
         *     For owners and managers (`devices:write`).
         */
        patch: operations["patchDevicesById"];
        trace?: never;
    };
    "/api/v1/devices/{id}/days": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what a device sent, day by day
         * @description Positions, battery and silences of the last days (UTC), the newest first. A day without a position is left out.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevicesByIdDays"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/fittings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the vehicles that a device was in
         * @description The latest first.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevicesByIdFittings"];
        put?: never;
        /**
         * Add a time in which a device was in a vehicle
         * @description What the device told of in that time moves to the vehicle: some of it at once, and what is more by `job`. `from` null: as long as anybody knows; `to` null: it is there.
         *
         *     For owners and managers (`devices:write`).
         */
        post: operations["postDevicesByIdFittings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/positions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the positions of a device
         * @description All of them, believed or not, the newest first.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevicesByIdPositions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/recorded-messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the last messages of a device as they came
         * @description At most 100, the newest first, whatever became of them. They are kept while the device is being recorded: for a day after it was added, and after `recording: true`.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getDevicesByIdRecordedMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/devices/{id}/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a device a new token
         * @description The one before is taken for a day more, or with `endPrevious=true` not at all.
         *
         *     For owners and managers (`devices:write`). It is sensitive: refused while Redis is away.
         */
        post: operations["postDevicesByIdToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fittings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a time in which a device was in a vehicle
         * @description The device has never been there: what it told of in that time belongs to no vehicle.
         *
         *     For owners and managers (`devices:write`).
         */
        delete: operations["deleteFittingsById"];
        options?: never;
        head?: never;
        /**
         * Correct when, or in which vehicle, a device was
         * @description Only what is given is changed. What the device told of in the time that is concerned moves: some of it at once, and what is more by `job`.
         *
         *     For owners and managers (`devices:write`).
         */
        patch: operations["patchFittingsById"];
        trace?: never;
    };
    "/api/v1/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the whole fleet
         * @description All vehicles in use with their newest positions, for a map: as columns, whole and compact. Then follow `/api/events`. While no database server can be reached, the last answer with `Fleet2-Stale`.
         *
         *     For every member (`vehicles:read`).
         */
        get: operations["getFleet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest-address": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the organisation's own ingest address
         * @description What comes there is this organisation's: its identifiers are looked for among its own devices, and those that it does not know are listed.
         *
         *     For owners and managers (`devices:write`).
         */
        get: operations["getIngestAddress"];
        /**
         * Make the organisation's own ingest address, or a new one
         * @description The one before is taken for a day more, or with `endPrevious=true` not at all.
         *
         *     For owners and managers (`devices:write`). It is sensitive: refused while Redis is away.
         */
        put: operations["putIngestAddress"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitation-acceptances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept an invitation
         * @description Who is signed in accepts with the token alone, a newcomer gives a name and a password too. Begins a session in the organisation.
         *
         *     For everybody.
         */
        post: operations["postInvitationAcceptances"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitation-lookups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Look up an invitation by its link's token
         * @description For everybody.
         */
        post: operations["postInvitationLookups"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List open invitations
         * @description For owners and managers (`members:write`).
         */
        get: operations["getInvitations"];
        put?: never;
        /**
         * Invite somebody
         * @description Only an owner invites owners.
         *
         *     For owners and managers (`members:write`). It is sensitive: refused while Redis is away.
         */
        post: operations["postInvitations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an invitation
         * @description For owners and managers (`members:write`). It is sensitive: refused while Redis is away.
         */
        delete: operations["deleteInvitationsById"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List jobs
         * @description The newest first. Jobs that have ended are listed for 30 days.
         *
         *     For owners and managers (`jobs:read`).
         */
        get: operations["getJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a job
         * @description How far it has come and what has become of it. The live stream tells of each change.
         *
         *     For owners and managers (`jobs:read`).
         */
        get: operations["getJobsById"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/cancellation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job
         * @description It has no effect any more from then on, even if it is running.
         *
         *     For owners and managers (`jobs:write`).
         */
        post: operations["postJobsByIdCancellation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/file": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download the file that a job left
         * @description For as long as it is kept, and for whoever may see what is in it. Each download is an audit entry.
         *
         *     For owners and managers (`jobs:read`).
         */
        get: operations["getJobsByIdFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry a job that failed or was cancelled
         * @description For owners and managers (`jobs:write`).
         */
        post: operations["postJobsByIdRetry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mails": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List outgoing mail
         * @description The newest first, for 30 days.
         *
         *     For owners (`mail:read`).
         */
        get: operations["getMails"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/mails/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an outgoing mail
         * @description Its text is shown where there is no mail server to send it; reading it is an audit entry.
         *
         *     For owners (`mail:read`). It is sensitive: refused while Redis is away.
         */
        get: operations["getMailsById"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List members
         * @description For owners, managers and dispatchers (`members:read`).
         */
        get: operations["getMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/members/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member, or leave
         * @description For every member (`vehicles:read`). It is sensitive: refused while Redis is away.
         */
        delete: operations["deleteMembersById"];
        options?: never;
        head?: never;
        /**
         * Change a member's role
         * @description Only an owner makes or changes owners, and one of them stays.
         *
         *     For owners and managers (`members:write`). It is sensitive: refused while Redis is away.
         */
        patch: operations["patchMembersById"];
        trace?: never;
    };
    "/api/v1/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the operators' view
         * @description For operators; for everybody else there is nothing at this address.
         */
        get: operations["getOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/operations/charts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the operators' charts
         * @description For operators; for everybody else there is nothing at this address.
         */
        get: operations["getOperationsCharts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organisations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the organisations that you belong to
         * @description For whoever is signed in.
         */
        get: operations["getOrganisations"];
        put?: never;
        /**
         * Make an organisation, and own it
         * @description For whoever is signed in.
         */
        post: operations["postOrganisations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organisations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change the organisation's name or time zone
         * @description Of the one that the session works in.
         *
         *     For owners (`organisation:write`).
         */
        patch: operations["patchOrganisationsById"];
        trace?: never;
    };
    "/api/v1/password-reset-completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a forgotten password anew
         * @description By the token of a link. It ends all sessions of the account and begins none.
         *
         *     For everybody.
         */
        post: operations["postPasswordResetCompletions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/password-resets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for a link to set a forgotten password anew
         * @description The answer is the same whether or not the address has an account.
         *
         *     For everybody.
         */
        post: operations["postPasswordResets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read how long positions, events and messages are kept
         * @description For owners (`organisation:write`).
         */
        get: operations["getRetention"];
        /**
         * Change how long positions, events and messages are kept
         * @description In days; null: for ever. What deletes more than the present setting needs `acknowledged: true` and comes into force a day later. What has been deleted or simplified cannot be brought back.
         *
         *     For owners (`organisation:write`). It is sensitive: refused while Redis is away.
         */
        put: operations["putRetention"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/retention-previews": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask what a retention setting would delete
         * @description Changes nothing.
         *
         *     For owners (`organisation:write`).
         */
        post: operations["postRetentionPreviews"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read who is signed in, and where
         * @description For whoever is signed in.
         */
        get: operations["getSession"];
        put?: never;
        /**
         * Sign in
         * @description For everybody.
         */
        post: operations["postSession"];
        /**
         * Sign out
         * @description For everybody.
         */
        delete: operations["deleteSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/organisation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Go on in another organisation
         * @description For whoever is signed in.
         */
        put: operations["putSessionOrganisation"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List your sessions
         * @description For whoever is signed in. It is sensitive: refused while Redis is away.
         */
        get: operations["getSessions"];
        put?: never;
        post?: never;
        /**
         * End your other sessions
         * @description For whoever is signed in.
         */
        delete: operations["deleteSessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End one of your sessions
         * @description For whoever is signed in.
         */
        delete: operations["deleteSessionsById"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what every page needs to know of this instance
         * @description Works with every back end away.
         *
         *     For everybody.
         */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unknown-devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List unknown devices
         * @description Identifiers that came to the organisation's own ingest address and that no device of it has, the newest first; 100 at most.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getUnknownDevices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unknown-devices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Dismiss an unknown device
         * @description It is listed again once it sends again.
         *
         *     For owners and managers (`devices:write`).
         */
        delete: operations["deleteUnknownDevicesById"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unknown-devices/{id}/device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a device of an unknown one
         * @description It is taken as it sends already: without a token, at the organisation's own ingest address.
         *
         *     For owners and managers (`devices:write`).
         */
        post: operations["postUnknownDevicesByIdDevice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign up
         * @description Makes a user and an organisation that the user owns, and begins a session.
         *
         *     For everybody.
         */
        post: operations["postUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change your name
         * @description For whoever is signed in.
         */
        patch: operations["patchUsersMe"];
        trace?: never;
    };
    "/api/v1/users/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Change your password
         * @description Ends your other sessions, and gives this one a new secret.
         *
         *     For whoever is signed in. It is sensitive: refused while Redis is away.
         */
        put: operations["putUsersMePassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List vehicles
         * @description In the order of their names. While no database server can be reached, the last answer to the same question with `Fleet2-Stale`, unless it was a search.
         *
         *     For every member (`vehicles:read`).
         */
        get: operations["getVehicles"];
        put?: never;
        /**
         * Add a vehicle
         * @description For owners and managers (`vehicles:write`).
         */
        post: operations["postVehicles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a vehicle
         * @description Also one that was removed. While no database server can be reached, the last answer with `Fleet2-Stale`.
         *
         *     For every member (`vehicles:read`).
         */
        get: operations["getVehiclesById"];
        put?: never;
        post?: never;
        /**
         * Remove a vehicle
         * @description Its devices are taken out of it. It can be restored.
         *
         *     For owners and managers (`vehicles:write`).
         */
        delete: operations["deleteVehiclesById"];
        options?: never;
        head?: never;
        /**
         * Change a vehicle
         * @description Only what is given is changed. `version`, if given, must be the present one.
         *
         *     For owners and managers (`vehicles:write`).
         */
        patch: operations["patchVehiclesById"];
        trace?: never;
    };
    "/api/v1/vehicles/{id}/fittings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the devices that were in a vehicle
         * @description The latest first.
         *
         *     For owners, managers and dispatchers (`devices:read`).
         */
        get: operations["getVehiclesByIdFittings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/{id}/positions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a vehicle's track
         * @description The oldest position first, of at most 31 days; without `from` and `to` of the last 24 hours. Positions that are not believed are left out unless `credibility=all`.
         *
         *     For every member (`vehicles:read`).
         */
        get: operations["getVehiclesByIdPositions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vehicles/{id}/restoration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a removed vehicle
         * @description With the devices that were taken out with it, unless they have been fitted elsewhere since.
         *
         *     For owners and managers (`vehicles:write`).
         */
        post: operations["postVehiclesByIdRestoration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AccountEvent: {
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            at: string;
            /** @enum {string} */
            action: "account.created" | "account.signed-in" | "account.sign-in-refused" | "account.signed-out" | "account.session-ended" | "account.other-sessions-ended" | "account.password-changed" | "account.password-refused" | "account.password-reset-requested" | "account.password-reset" | "account.renamed" | "account.organisation-entered";
            /** @description Attempts within the hour that the entry stands for; null where that is of no meaning. */
            attempts: number | null;
            ipAddress: string | null;
            userAgent: string | null;
        };
        ApiDocument: {
            openapi: string;
            info: {
                [key: string]: unknown;
            };
            paths: {
                [key: string]: unknown;
            };
        } & {
            [key: string]: unknown;
        };
        AuditEntry: {
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            at: string;
            /** @description Past tense, `<thing>.<what happened>`: `vehicle.created`, `member.role-changed`. */
            action: string;
            actor: {
                /** @enum {string} */
                kind: "user" | "system";
                id: string | null;
                name: string;
            };
            subject: {
                type: string;
                id: string;
                label: string;
            };
            /** @description The fields that changed, as they were; null where there was nothing. Never a password, hash or token. */
            before: {
                [key: string]: unknown;
            } | null;
            /** @description The same fields as they have been since. */
            after: {
                [key: string]: unknown;
            } | null;
            ipAddress: string | null;
            requestId: string | null;
        };
        AuditExportCreate: {
            action?: string;
            /** Format: uuid */
            actorId?: string;
            /** Format: uuid */
            subjectId?: string;
            /** Format: date-time */
            from?: string;
            /** Format: date-time */
            to?: string;
            /** @enum {string} */
            format: "csv";
        };
        BalancerView: {
            name: string;
            /** @description Null: it answers. */
            reason: string | null;
            servers: {
                proxy: string;
                server: string;
                status: string;
                sessions: number | null;
            }[];
        };
        Chart: {
            /** @enum {string} */
            name: "requests" | "errors" | "p95" | "lag";
            title: string;
            /** @enum {string} */
            unit: "per second" | "percent" | "seconds";
            /** @description Seconds since 1970, and null where nothing was measured. */
            points: {
                at: number;
                value: number | null;
            }[];
        };
        CorrectedFitting: {
            /** Format: uuid */
            id: string;
            device: {
                /** Format: uuid */
                id: string;
                name: string;
            };
            vehicle: {
                /** Format: uuid */
                id: string;
                name: string;
            };
            /** @description Null: as long as anybody knows. */
            from: string | null;
            /** @description Null: it is there. */
            to: string | null;
            /** @description Positions that belong to another vehicle now. */
            moved: number;
            /** @description The job that moves the rest of them. Null: there is no more. */
            job: string | null;
        };
        Device: {
            /** Format: uuid */
            id: string;
            name: string;
            identifier: string;
            vehicle: {
                /** Format: uuid */
                id: string;
                name: string;
            } | null;
            /** @enum {string} */
            speedUnit: "kn" | "kmh" | "mps" | "mph";
            tokenRequired: boolean;
            /** @description Without its token it is taken at the organisation's own ingest address alone. */
            addressRequired: boolean;
            /** @description Added to every time that it says. */
            clockCorrectionSeconds: number;
            /** @description Until then its last 100 messages are kept as they came; null: they are not. */
            recordingUntil: string | null;
            /** @description When a message of it was last taken; null: never. */
            lastSeenAt: string | null;
            /** @description The shape of its last message; null: there was none. */
            protocol: ("osmand" | "traccar-client" | "owntracks" | "teltonika" | "gt06" | "h02") | null;
            /** @description By how much its clock is ahead, all the time; it is taken off. Null: its clock is right. */
            clockOffsetSeconds: number | null;
            /** @description How far its fixes are apart, smoothed. Null: there have not been two. */
            intervalSeconds: number | null;
            batteryPercent: number | null;
            batteryVolts: number | null;
            /** @description As it said last; null: it has not. */
            firmware: string | null;
            /** @description How well it is heard, as it said last and in its own unit. */
            signal: string | null;
            /** @description Until then the token before this one is taken, too; null: there is none. */
            previousTokenUntil: string | null;
            version: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
        };
        DeviceCreate: {
            name: string;
            identifier: string;
            /** @default null */
            vehicleId?: string | null;
            /**
             * @default kn
             * @enum {string}
             */
            speedUnit?: "kn" | "kmh" | "mps" | "mph";
            /** @default true */
            tokenRequired?: boolean;
            /** @default false */
            addressRequired?: boolean;
            /** @default 0 */
            clockCorrectionSeconds?: number;
        };
        DeviceDay: {
            /** @description `yyyy-mm-dd`, in UTC. */
            day: string;
            positions: number;
            /** @description Of these, the ones that moved a vehicle or could have. */
            believed: number;
            /** @description Per cent; null: it did not say. */
            battery: {
                first: number;
                last: number;
                least: number;
            } | null;
            leastVolts: number | null;
            /** @description Silences longer than five of its intervals, and than five minutes. */
            gaps: number;
            /** @description How long they were together. */
            silentSeconds: number;
        };
        DeviceEvent: {
            /** Format: uuid */
            id: string;
            device: {
                /** Format: uuid */
                id: string;
                /** @description Null: it has been removed. */
                name: string | null;
            };
            /** @description Which one the device was assigned to when the event arrived. */
            vehicle: {
                /** Format: uuid */
                id: string;
                name: string;
            } | null;
            /**
             * Format: date-time
             * @description When it happened, by the clock of the device.
             */
            fixTime: string;
            /** Format: date-time */
            receivedAt: string;
            /** @enum {string} */
            kind: "alarm" | "ignition" | "button" | "power" | "driver" | "geofence";
            /** @description What the device said: `{ "alarm": "sos" }`, `{ "on": true }`. */
            data: {
                [key: string]: unknown;
            };
            /** @description Null: the device has never had a credible place. */
            latitude: number | null;
            longitude: number | null;
        };
        DeviceMessageEntry: {
            /** Format: uuid */
            id: string;
            device: {
                /** Format: uuid */
                id: string;
                /** @description Null: it has been removed. */
                name: string | null;
            };
            /** Format: date-time */
            receivedAt: string;
            /** @description By the clock of the device; null where nothing was made of the message. */
            fixTime: string | null;
            /**
             * @description `judged`: stored, and not believed; `quarantined`: stored as it came; `refused`: not taken.
             * @enum {string}
             */
            outcome: "judged" | "quarantined" | "refused";
            credibility: ("ok" | "no-fix" | "outdated" | "clock-ahead" | "implausible" | "inaccurate") | null;
            /** @description What is wrong with it, and what would be right. */
            reason: string;
            /** @description As it came, without secrets. Of a message that was refused and whose sender is not proved to be of this organisation, the names of its fields alone. */
            raw: {
                [key: string]: unknown;
            };
            /** @description Since then a correction has made a position of it; null: it has not. */
            replayedAt: string | null;
        };
        DeviceReplayCreate: {
            /** Format: uuid */
            deviceId: string;
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            /** @enum {string} */
            speedUnitBefore?: "kn" | "kmh" | "mps" | "mph";
        };
        DeviceUpdate: {
            name?: string;
            vehicleId?: string | null;
            /** @enum {string} */
            speedUnit?: "kn" | "kmh" | "mps" | "mph";
            tokenRequired?: boolean;
            addressRequired?: boolean;
            clockCorrectionSeconds?: number;
            recording?: boolean;
            version?: number;
        };
        DeviceWithToken: {
            /** Format: uuid */
            id: string;
            name: string;
            identifier: string;
            vehicle: {
                /** Format: uuid */
                id: string;
                name: string;
            } | null;
            /** @enum {string} */
            speedUnit: "kn" | "kmh" | "mps" | "mph";
            tokenRequired: boolean;
            /** @description Without its token it is taken at the organisation's own ingest address alone. */
            addressRequired: boolean;
            /** @description Added to every time that it says. */
            clockCorrectionSeconds: number;
            /** @description Until then its last 100 messages are kept as they came; null: they are not. */
            recordingUntil: string | null;
            /** @description When a message of it was last taken; null: never. */
            lastSeenAt: string | null;
            /** @description The shape of its last message; null: there was none. */
            protocol: ("osmand" | "traccar-client" | "owntracks" | "teltonika" | "gt06" | "h02") | null;
            /** @description By how much its clock is ahead, all the time; it is taken off. Null: its clock is right. */
            clockOffsetSeconds: number | null;
            /** @description How far its fixes are apart, smoothed. Null: there have not been two. */
            intervalSeconds: number | null;
            batteryPercent: number | null;
            batteryVolts: number | null;
            /** @description As it said last; null: it has not. */
            firmware: string | null;
            /** @description How well it is heard, as it said last and in its own unit. */
            signal: string | null;
            /** @description Until then the token before this one is taken, too; null: there is none. */
            previousTokenUntil: string | null;
            version: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description Shown this once. Null: it needs none. */
            token: string | null;
        };
        EtcdView: {
            name: string;
            up: boolean;
            leader: boolean;
            hasLeader: boolean;
        };
        Fitting: {
            /** Format: uuid */
            id: string;
            device: {
                /** Format: uuid */
                id: string;
                name: string;
            };
            vehicle: {
                /** Format: uuid */
                id: string;
                name: string;
            };
            /** @description Null: as long as anybody knows. */
            from: string | null;
            /** @description Null: it is there. */
            to: string | null;
        };
        FittingCreate: {
            /** Format: uuid */
            vehicleId: string;
            from: string | null;
            to: string | null;
        };
        FittingUpdate: {
            /** Format: uuid */
            vehicleId?: string;
            from?: string | null;
            to?: string | null;
        };
        Fittings: {
            items: components["schemas"]["Fitting"][];
            nextCursor: null;
            total: number;
        };
        FleetSnapshot: {
            id: string[];
            name: string[];
            registration: (string | null)[];
            version: number[];
            /** @description Degrees, to five decimals: about a metre. */
            latitude: (number | null)[];
            longitude: (number | null)[];
            /** @description To one decimal; null also where the device did not say. */
            speedKmh: (number | null)[];
            /** @description Whole degrees; null also where it did not say. */
            courseDegrees: (number | null)[];
            /** @description The moment of the position, in seconds since 1970. */
            fixSeconds: (number | null)[];
        };
        IngestAddress: {
            /** @description `/api/ingest/org-…`: it names the organisation. Null: none has been made yet. */
            path: string | null;
            /** @description Until then the address before this one is taken, too; null: there is none. */
            previousUntil: string | null;
        };
        InstanceView: {
            name: string;
            version: string;
            /** @enum {string} */
            phase: "starting" | "running" | "draining";
            mode: string;
            status: string;
            reason: string | null;
            /** @description Share of the time in which the event loop was busy, 0 to 1. */
            eventLoopUtilisation: number;
            rssBytes: number;
            requestsInFlight: number;
            streams: number;
            /** Format: date-time */
            startedAt: string;
            /** @description Milliseconds since it last said so. */
            ageMs: number;
            /** @description It has missed its announcements, and has not said that it was ending. */
            silent: boolean;
        };
        Invitation: {
            /** Format: uuid */
            id: string;
            email: string;
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
            invitedBy: string | null;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
        };
        InvitationAccept: {
            token: string;
            name?: string;
            password?: string;
        };
        InvitationCreate: {
            /** Format: email */
            email: string;
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
            /**
             * @default en
             * @enum {string}
             */
            language?: "en" | "de";
        };
        InvitationLookup: {
            token: string;
        };
        InvitationPreview: {
            organisationName: string;
            email: string;
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
            /** Format: date-time */
            expiresAt: string;
            accountExists: boolean | null;
        };
        InvitationWithLink: {
            /** Format: uuid */
            id: string;
            email: string;
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
            invitedBy: string | null;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /** @description The link is shown this once: only a hash of its token is stored. */
            path: string;
            /** @description Whether it is sent by mail, too; false: there is no mail server. */
            mailed: boolean;
        };
        Job: {
            /** Format: uuid */
            id: string;
            kind: string;
            /** @enum {string} */
            state: "queued" | "running" | "done" | "failed" | "cancelled";
            /** @description How far it has come; null: it has not said so. `total` null: it does not know. */
            progress: {
                done: number;
                total: number | null;
            } | null;
            attempts: number;
            maxAttempts: number;
            /** @description Why the last attempt failed. */
            reason: string | null;
            /**
             * Format: date-time
             * @description Not before this moment: when it was asked for, or when it is tried again.
             */
            runAt: string;
            /** Format: date-time */
            createdAt: string;
            startedAt: string | null;
            finishedAt: string | null;
            requestedBy: {
                /** Format: uuid */
                id: string;
                name: string;
            } | null;
            /** @description What it left to be downloaded, from `/api/v1/jobs/{id}/file`, while it is kept. */
            file: {
                name: string;
                bytes: number;
                /** Format: date-time */
                expiresAt: string;
            } | null;
        };
        JudgedPosition: {
            /** Format: date-time */
            fixTime: string;
            latitude: number;
            longitude: number;
            speedKmh: number | null;
            courseDegrees: number | null;
            altitudeMetres: number | null;
            accuracyMetres: number | null;
            attributes: {
                [key: string]: unknown;
            };
            /**
             * @description Only `ok` moves a vehicle, and counts for distances.
             * @enum {string}
             */
            credibility: "ok" | "no-fix" | "outdated" | "clock-ahead" | "implausible" | "inaccurate";
            /** @description Why it is not believed, or what was corrected or left out. Null: nothing. */
            reason: string | null;
        };
        LivePosition: {
            /** Format: date-time */
            fixTime: string;
            latitude: number;
            longitude: number;
            speedKmh: number | null;
            courseDegrees: number | null;
            altitudeMetres: number | null;
            accuracyMetres: number | null;
            attributes: {
                [key: string]: unknown;
            };
            /** Format: uuid */
            vehicleId: string;
            /** Format: date-time */
            receivedAt: string;
        };
        Mail: {
            /** Format: uuid */
            id: string;
            recipient: string;
            subject: string;
            /** @enum {string} */
            state: "waiting" | "sent" | "failed" | "shown";
            /** @description Why it has not been sent yet, or will not be. */
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            sentAt: string | null;
        };
        MailWithText: {
            /** Format: uuid */
            id: string;
            recipient: string;
            subject: string;
            /** @enum {string} */
            state: "waiting" | "sent" | "failed" | "shown";
            /** @description Why it has not been sent yet, or will not be. */
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            sentAt: string | null;
            /** @description With its link, where there is no mail server. Reading it is audited. */
            text: string | null;
        };
        Member: {
            /**
             * Format: uuid
             * @description Of the membership, not of the user.
             */
            id: string;
            /** Format: uuid */
            userId: string;
            name: string;
            email: string;
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
            /** Format: date-time */
            joinedAt: string;
        };
        MemberUpdate: {
            /** @enum {string} */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
        };
        Operations: {
            view: components["schemas"]["OperationsView"];
            timeline: components["schemas"]["Timeline"];
        };
        OperationsCharts: {
            hours: number;
            charts: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["Chart"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
        };
        OperationsView: {
            /** Format: date-time */
            at: string;
            /** @description Whose view this is: what an instance can reach is its own. */
            instance: string;
            version: string;
            /** @enum {string} */
            mode: "normal" | "degraded" | "read-only" | "unavailable";
            reason: string | null;
            instances: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["InstanceView"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            router: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["RouterView"] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            patroni: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["PatroniView"] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            balancers: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["BalancerView"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            poolers: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["PoolerView"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            redis: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["RedisView"] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            sentinels: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["SentinelsView"] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            proxies: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["ProxyView"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
            etcd: {
                /** @enum {string} */
                state: "known" | "unknown" | "not-configured";
                /** @description Who was asked, in words. */
                source: string;
                value: components["schemas"]["EtcdView"][] | null;
                /** @description When `value` was found; null: never yet. */
                at: string | null;
                /** @description Since when it cannot be known; null: it can. */
                since: string | null;
                /** @description Why it cannot be known, in words. */
                reason: string | null;
            };
        };
        OrganisationCreate: {
            name: string;
            /** @default UTC */
            timeZone?: string;
        };
        OrganisationSummary: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @description An IANA time zone. */
            timeZone: string;
            /**
             * @description The reader's own.
             * @enum {string}
             */
            role: "owner" | "manager" | "dispatcher" | "driver" | "viewer";
        };
        OrganisationSwitch: {
            /** Format: uuid */
            organisationId: string;
        };
        OrganisationUpdate: {
            name?: string;
            timeZone?: string;
        };
        Organisations: {
            items: components["schemas"]["OrganisationSummary"][];
            nextCursor: null;
            total: number;
        };
        PasswordChange: {
            currentPassword: string;
            newPassword: string;
        };
        PasswordReset: {
            token: string;
            password: string;
        };
        PasswordResetRequest: {
            email: string;
            /**
             * @default en
             * @enum {string}
             */
            language?: "en" | "de";
        };
        PatroniMember: {
            name: string;
            /** @enum {string} */
            role: "leader" | "standby leader" | "sync standby" | "replica" | "unknown";
            /** @description PostgreSQL's state in Patroni's words: running, streaming, stopped, …; null: not known. */
            state: string | null;
            timeline: number | null;
            lagBytes: number | null;
        };
        PatroniView: {
            paused: boolean;
            members: components["schemas"]["PatroniMember"][];
            /** @description When Patroni last heard from etcd, by the member that heard last; null: not known. */
            etcdSeenAt: string | null;
        };
        PoolerView: {
            name: string;
            /** @description Null: it answers. */
            reason: string | null;
            pools: {
                database: string;
                user: string;
                clientsActive: number;
                clientsWaiting: number;
                serversActive: number;
                serversIdle: number;
                /** @description The longest that a client waits at this moment. */
                maxWaitSeconds: number;
                mode: string;
            }[];
        };
        Problem: {
            /** @description `urn:fleet2:problem:` and one of the words that the operation lists. */
            type: string;
            title: string;
            status: number;
            detail: string;
            /** @description The request's id, under which the log has the whole story. */
            instance: string;
            /** @description Each field that is wrong; the first 20. */
            errors?: {
                path: string;
                message: string;
            }[];
        };
        Profile: {
            /** Format: uuid */
            id: string;
            name: string;
            email: string;
        };
        ProfileUpdate: {
            name: string;
        };
        ProxyView: {
            name: string;
            up: boolean;
            connections: number | null;
        };
        PublicStatus: {
            /** @enum {string} */
            mode: "normal" | "degraded" | "read-only" | "unavailable";
            reason: string | null;
            /** @description Whether live events of other instances arrive. */
            live: boolean;
            /** @description Whether passwords, members and tokens can be changed. */
            sensitive: boolean;
            instance: string;
            version: string;
            demo: boolean;
            /** @description Raster tiles of one's own; null: the basemap that comes with the application. */
            mapTilesUrl: string | null;
            mapAttribution: string | null;
            /** @description Present in a standby region, which takes no changes: the address of the one that does. */
            standbyOf?: string;
        };
        RecordedMessage: {
            /** Format: date-time */
            receivedAt: string;
            fixTime: string | null;
            /**
             * @description `ok` and the other credibilities: stored; `quarantined`; `no-place`: there was none to store.
             * @enum {string}
             */
            outcome: "ok" | "no-fix" | "outdated" | "clock-ahead" | "implausible" | "inaccurate" | "quarantined" | "no-place";
            protocol: ("osmand" | "traccar-client" | "owntracks" | "teltonika" | "gt06" | "h02") | null;
            /** @description As it came, without secrets. */
            raw: {
                [key: string]: unknown;
            };
        };
        RedisView: {
            /**
             * @description `memory`: the stand-in inside of the process, for one instance.
             * @enum {string}
             */
            kind: "redis" | "memory";
            /** @description Its address, as it is announced. */
            master: string;
            /** @description Those that are connected to the master, as it says. */
            replicas: {
                name: string;
                lagBytes: number;
            }[];
        };
        Retention: {
            positionsKeptDays: number | null;
            positionsThinnedDays: number | null;
            eventsKeptDays: number | null;
            messagesKeptDays: number | null;
            /** @description Nothing is deleted before; until then the setting can be taken back. Null: it is in force. */
            inForceFrom: string | null;
        };
        RetentionPreview: {
            /** @description At most 100001: more are not counted. */
            positionsDeleted: number;
            positionsThinned: number;
            eventsDeleted: number;
            messagesDeleted: number;
            /** @description Something will be deleted sooner than by the present setting. */
            isShorter: boolean;
        };
        RetentionSettings: {
            positionsKeptDays: number | null;
            positionsThinnedDays: number | null;
            eventsKeptDays: number | null;
            messagesKeptDays: number | null;
        };
        RetentionUpdate: {
            positionsKeptDays: number | null;
            positionsThinnedDays: number | null;
            eventsKeptDays: number | null;
            messagesKeptDays: number | null;
            /** @default false */
            acknowledged?: boolean;
        };
        /** @description A server as the read/write router of one instance sees it, through the pools. */
        RouterServer: {
            reachable: boolean;
            role: ("primary" | "replica") | null;
            latencyMs: number | null;
            lagSeconds: number | null;
            timeline: number | null;
            error: string | null;
        };
        RouterView: {
            primary: components["schemas"]["RouterServer"];
            /** @description Null: there is no replica pool. */
            replica: components["schemas"]["RouterServer"] | null;
            /** @description Attached to the primary, as it says; null: it cannot be asked. */
            attached: {
                name: string;
                synchronous: boolean;
                lagBytes: number | null;
            }[] | null;
            /** @description The newest that was seen. */
            timeline: number;
        };
        SentinelSight: {
            name: string;
            reachable: boolean;
            /** @description The master that it names. */
            master: string | null;
            /** @description Whether it says that a failover could be agreed on; null: it was not asked. */
            quorum: boolean | null;
            replicas: number;
        };
        SentinelsView: {
            each: components["schemas"]["SentinelSight"][];
            /** @description That most of them name; null: they do not agree. */
            master: string | null;
            /** @description Whether a failover could be agreed on and carried out. */
            quorum: boolean;
            /** @description Replicas that the Sentinel with the most of them knows of. */
            replicas: number;
            /** @description What is wrong, in words; null: nothing. */
            trouble: string | null;
        };
        Session: {
            id: string;
            user: components["schemas"]["Profile"];
            /** @description The one that this session works in; null: the user belongs to none. */
            organisation: components["schemas"]["OrganisationSummary"] | null;
            organisations: components["schemas"]["OrganisationSummary"][];
            /**
             * @description The configuration names this user as an operator: `/ops` is theirs to see. Left out for everybody else.
             * @constant
             */
            operator?: true;
            /**
             * Format: date-time
             * @description When it ends even if it is used all the time.
             */
            expiresAt: string;
            /** @description The organisation's newest live event: what is fetched after this answer is not older, and the live stream goes on from there. Null: not known. `GET /api/v1/session` alone says it. */
            liveEventId?: string | null;
        };
        SessionSummary: {
            id: string;
            current: boolean;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            lastSeenAt: string;
            /** Format: date-time */
            expiresAt: string;
            ipAddress: string;
            userAgent: string;
        };
        Sessions: {
            items: components["schemas"]["SessionSummary"][];
        };
        SignIn: {
            email: string;
            password: string;
        };
        SignUp: {
            name: string;
            /** Format: email */
            email: string;
            password: string;
            organisationName: string;
            /** @default UTC */
            timeZone?: string;
        };
        Timeline: {
            /** @enum {string} */
            state: "known" | "unknown" | "not-configured";
            /** @description Who was asked, in words. */
            source: string;
            value: components["schemas"]["TimelineEvent"][] | null;
            /** @description When `value` was found; null: never yet. */
            at: string | null;
            /** @description Since when it cannot be known; null: it can. */
            since: string | null;
            /** @description Why it cannot be known, in words. */
            reason: string | null;
        };
        TimelineEvent: {
            /** @description The same for all who see the same: it is kept once. */
            key: string;
            /**
             * Format: date-time
             * @description By the clock of who noticed it.
             */
            at: string;
            /** @enum {string} */
            kind: "failover" | "redis-failover" | "mode" | "drain" | "start" | "silent" | "version";
            /** @description Of what: an instance, PostgreSQL, Redis. */
            subject: string;
            text: string;
            noticedBy: string;
        };
        UnknownDevice: {
            /** Format: uuid */
            id: string;
            /** @description What it calls itself. */
            identifier: string;
            /** @description The shape of its last message. */
            protocol: ("osmand" | "traccar-client" | "owntracks" | "teltonika" | "gt06" | "h02") | null;
            /** Format: date-time */
            firstSeenAt: string;
            /** Format: date-time */
            lastSeenAt: string;
            /** @description Its newest message as it came, without secrets. */
            raw: {
                [key: string]: unknown;
            };
        };
        UnknownDeviceAdoption: {
            name?: string;
            /** @default null */
            vehicleId?: string | null;
            /**
             * @default kn
             * @enum {string}
             */
            speedUnit?: "kn" | "kmh" | "mps" | "mph";
        };
        Vehicle: {
            /** Format: uuid */
            id: string;
            name: string;
            registration: string | null;
            /** @enum {string} */
            kind: "car" | "van" | "truck" | "bus" | "trailer" | "motorcycle" | "machine" | "other";
            make: string | null;
            model: string | null;
            year: number | null;
            notes: string | null;
            version: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description Those that are fitted at present; none for who may not see devices. */
            devices: {
                /** Format: uuid */
                id: string;
                name: string;
            }[];
            lastPosition: components["schemas"]["LivePosition"] | null;
            removedAt: string | null;
        };
        VehicleCreate: {
            name: string;
            /** @default null */
            registration?: string | null;
            /**
             * @default car
             * @enum {string}
             */
            kind?: "car" | "van" | "truck" | "bus" | "trailer" | "motorcycle" | "machine" | "other";
            /** @default null */
            make?: string | null;
            /** @default null */
            model?: string | null;
            /** @default null */
            year?: number | null;
            /** @default null */
            notes?: string | null;
        };
        VehicleUpdate: {
            name?: string;
            registration?: string | null;
            /** @enum {string} */
            kind?: "car" | "van" | "truck" | "bus" | "trailer" | "motorcycle" | "machine" | "other";
            make?: string | null;
            model?: string | null;
            year?: number | null;
            notes?: string | null;
            version?: number;
        };
    };
    responses: {
        /**
         * @description `ask-again-later`: a sensitive action while Redis is away: repeat it after `Retry-After`.
         *
         *     `standby-region`: this region follows another one, which `detail` names: make the change there.
         *
         *     `unavailable`: something is away: repeat it after `Retry-After`.
         *
         *     `unresolved`: whether the change was made is not known yet: repeat it with the same key.
         */
        AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:ask-again-later" | "urn:fleet2:problem:standby-region" | "urn:fleet2:problem:unavailable" | "urn:fleet2:problem:unresolved";
                };
            };
        };
        /**
         * @description `ask-again-later`: a sensitive action while Redis is away: repeat it after `Retry-After`.
         *
         *     `unavailable`: something is away: repeat it after `Retry-After`.
         */
        AskAgainLaterOrUnavailable: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:ask-again-later" | "urn:fleet2:problem:unavailable";
                };
            };
        };
        /**
         * @description `conflict`: it contradicts the present state; `errors` names the field.
         *
         *     `operation-in-progress`: the first request with this Idempotency-Key is still at work.
         */
        ConflictOrOperationInProgress: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:conflict" | "urn:fleet2:problem:operation-in-progress";
                };
            };
        };
        /**
         * @description `conflict`: it contradicts the present state; `errors` names the field.
         *
         *     `operation-in-progress`: the first request with this Idempotency-Key is still at work.
         *
         *     `organisation-changed`: it was meant for another organisation than the session's.
         */
        ConflictOrOperationInProgressOrOrganisationChanged: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:conflict" | "urn:fleet2:problem:operation-in-progress" | "urn:fleet2:problem:organisation-changed";
                };
            };
        };
        /**
         * @description `conflict`: it contradicts the present state; `errors` names the field.
         *
         *     `operation-in-progress`: the first request with this Idempotency-Key is still at work.
         *
         *     `organisation-changed`: it was meant for another organisation than the session's.
         *
         *     `outdated-version`: somebody changed it since it was read.
         */
        ConflictOrOperationInProgressOrOrganisationChangedOrOutdatedVersion: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:conflict" | "urn:fleet2:problem:operation-in-progress" | "urn:fleet2:problem:organisation-changed" | "urn:fleet2:problem:outdated-version";
                };
            };
        };
        /** @description `forbidden`: the role does not allow it, or the change came from another site's page. */
        Forbidden: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:forbidden";
                };
            };
        };
        /** @description `idempotency-key-reused`: the Idempotency-Key belongs to another request. */
        IdempotencyKeyReused: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:idempotency-key-reused";
                };
            };
        };
        /** @description `internal`: the fault is on the server's side. */
        Internal: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:internal";
                };
            };
        };
        /** @description `invalid-input`: a field is wrong: `errors` names it. */
        InvalidInput: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:invalid-input";
                };
            };
        };
        /** @description `not-found`: it is not there, or belongs to another organisation. */
        NotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:not-found";
                };
            };
        };
        /** @description `operation-in-progress`: the first request with this Idempotency-Key is still at work. */
        OperationInProgress: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:operation-in-progress";
                };
            };
        };
        /**
         * @description `operation-in-progress`: the first request with this Idempotency-Key is still at work.
         *
         *     `organisation-changed`: it was meant for another organisation than the session's.
         */
        OperationInProgressOrOrganisationChanged: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:operation-in-progress" | "urn:fleet2:problem:organisation-changed";
                };
            };
        };
        /** @description `organisation-changed`: it was meant for another organisation than the session's. */
        OrganisationChanged: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:organisation-changed";
                };
            };
        };
        /**
         * @description `standby-region`: this region follows another one, which `detail` names: make the change there.
         *
         *     `unavailable`: something is away: repeat it after `Retry-After`.
         *
         *     `unresolved`: whether the change was made is not known yet: repeat it with the same key.
         */
        StandbyRegionOrUnavailableOrUnresolved: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:standby-region" | "urn:fleet2:problem:unavailable" | "urn:fleet2:problem:unresolved";
                };
            };
        };
        /** @description `too-large`: the body is larger than this address takes. */
        TooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:too-large";
                };
            };
        };
        /** @description `too-many-requests`: too many attempts: wait for `Retry-After`. */
        TooManyRequests: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:too-many-requests";
                };
            };
        };
        /** @description `unauthenticated`: nobody is signed in, or the credentials are not valid. */
        Unauthenticated: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:unauthenticated";
                };
            };
        };
        /** @description `unavailable`: something is away: repeat it after `Retry-After`. */
        Unavailable: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:unavailable";
                };
            };
        };
        /** @description `unsupported-media-type`: the body is no `application/json`. */
        UnsupportedMediaType: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    type?: "urn:fleet2:problem:unsupported-media-type";
                };
            };
        };
    };
    parameters: {
        /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
        IdempotencyKey: string;
        /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
        Organisation: string;
        /** @description From an earlier answer: this one will not be older. */
        Consistency: string;
        /** @description The `ETag` of the answer that you have: where it still holds, 304 comes without a body. */
        IfNoneMatch: string;
    };
    requestBodies: never;
    headers: {
        /** @description To be sent with the next request: its answer will not be older. */
        Consistency: string;
        /** @description Under which the log has the whole story. */
        RequestId: string;
        /** @description Seconds that the answer is old; only while the database cannot be reached. */
        Stale: number;
        /** @description The address of what was made. */
        Location: string;
        /** @description Names what the answer says, for `If-None-Match`. */
        ETag: string;
        /** @description Seconds after which to ask again. */
        RetryAfter: number;
        /** @description `true`: the answer of an earlier request with the same key. */
        Replayed: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getOpenapiJson: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiDocument"];
                };
            };
            400: components["responses"]["InvalidInput"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getAccountEvents: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AccountEvent"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getAuditEntries: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                action?: string;
                actorId?: string;
                subjectId?: string;
                from?: string;
                to?: string;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AuditEntry"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postAuditExports: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AuditExportCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getDeviceEvents: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                deviceId?: string;
                vehicleId?: string;
                kind?: "alarm" | "ignition" | "button" | "power" | "driver" | "geofence";
                from?: string;
                to?: string;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["DeviceEvent"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getDeviceMessages: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                deviceId?: string;
                outcome?: "judged" | "quarantined" | "refused";
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["DeviceMessageEntry"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postDeviceReplays: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceReplayCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getDevices: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                search?: string;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Device"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postDevices: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceWithToken"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getDevicesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteDevicesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchDevicesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChangedOrOutdatedVersion"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getDevicesByIdDays: {
        parameters: {
            query?: {
                days?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["DeviceDay"][];
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getDevicesByIdFittings: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fittings"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postDevicesByIdFittings: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FittingCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CorrectedFitting"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getDevicesByIdPositions: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["JudgedPosition"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getDevicesByIdRecordedMessages: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["RecordedMessage"][];
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postDevicesByIdToken: {
        parameters: {
            query?: {
                endPrevious?: "true" | "false";
            };
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceWithToken"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    deleteFittingsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchFittingsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FittingUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CorrectedFitting"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getFleet: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
                /** @description The `ETag` of the answer that you have: where it still holds, 304 comes without a body. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetSnapshot"];
                };
            };
            /** @description It is what you have. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getIngestAddress: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestAddress"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    putIngestAddress: {
        parameters: {
            query?: {
                endPrevious?: "true" | "false";
            };
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestAddress"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postInvitationAcceptances: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationAccept"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postInvitationLookups: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationLookup"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationPreview"];
                };
            };
            400: components["responses"]["InvalidInput"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getInvitations: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Invitation"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postInvitations: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationWithLink"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    deleteInvitationsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getJobs: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                state?: "queued" | "running" | "done" | "failed" | "cancelled";
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Job"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getJobsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postJobsByIdCancellation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getJobsByIdFile: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postJobsByIdRetry: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getMails: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Mail"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getMailsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MailWithText"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrUnavailable"];
        };
    };
    getMembers: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Member"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteMembersById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchMembersById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MemberUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getOperations: {
        parameters: {
            query?: never;
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operations"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getOperationsCharts: {
        parameters: {
            query?: never;
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationsCharts"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getOrganisations: {
        parameters: {
            query?: never;
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organisations"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postOrganisations: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganisationCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganisationSummary"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchOrganisationsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganisationUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganisationSummary"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postPasswordResetCompletions: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordReset"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postPasswordResets: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordResetRequest"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getRetention: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    putRetention: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetentionUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retention"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postRetentionPreviews: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetentionSettings"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionPreview"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    deleteSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    putSessionOrganisation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrganisationSwitch"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getSessions: {
        parameters: {
            query?: never;
            header?: {
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sessions"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrUnavailable"];
        };
    };
    deleteSessions: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    deleteSessionsById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublicStatus"];
                };
            };
            400: components["responses"]["InvalidInput"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUnknownDevices: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["UnknownDevice"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteUnknownDevicesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postUnknownDevicesByIdDevice: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnknownDeviceAdoption"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    postUsers: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignUp"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchUsersMe: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfileUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Profile"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    putUsersMePassword: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OperationInProgress"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["Internal"];
            503: components["responses"]["AskAgainLaterOrStandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getVehicles: {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                search?: string;
                state?: "present" | "removed";
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Vehicle"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postVehicles: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VehicleCreate"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vehicle"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getVehiclesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vehicle"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteVehiclesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    patchVehiclesById: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VehicleUpdate"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vehicle"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChangedOrOutdatedVersion"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
    getVehiclesByIdFittings: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fittings"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getVehiclesByIdPositions: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                credibility?: "ok" | "all";
                cursor?: string;
                limit?: number;
            };
            header?: {
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Fleet2-Stale": components["headers"]["Stale"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["JudgedPosition"][];
                        /** @description Asks for the next page as `cursor`; null on the last one. */
                        nextCursor: string | null;
                        /** @description How many the whole list has. Null past the first page, and where there are more than are counted. */
                        total: number | null;
                    };
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["OrganisationChanged"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    postVehiclesByIdRestoration: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made once for one intent: however often the request arrives, it is applied once, and a repeat gets the first answer. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description The id of the organisation that the request is meant for. Where the session works in another by now, it is refused as `organisation-changed`. */
                "Fleet2-Organisation"?: components["parameters"]["Organisation"];
                /** @description From an earlier answer: this one will not be older. */
                "Fleet2-Consistency"?: components["parameters"]["Consistency"];
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "Fleet2-Consistency": components["headers"]["Consistency"];
                    "Idempotency-Replayed": components["headers"]["Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vehicle"];
                };
            };
            400: components["responses"]["InvalidInput"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["ConflictOrOperationInProgressOrOrganisationChanged"];
            413: components["responses"]["TooLarge"];
            422: components["responses"]["IdempotencyKeyReused"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StandbyRegionOrUnavailableOrUnresolved"];
        };
    };
}
