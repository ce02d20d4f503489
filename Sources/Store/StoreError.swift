/// Why the store refused or failed, in a sentence.
package enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process holds the database for writing.
    case inUse(path: String, holder: String?)
    /// There is no file, no folder, or no permission.
    case cannotOpen(path: String, reason: String)
    /// The file is something else: no SQLite database, or another program's.
    case foreign(path: String)
    /// The database holds a migration that this version does not know.
    case newer(path: String, migration: String)
    /// A migration that was applied is not the one in this binary.
    case changedMigration(path: String, migration: String)
    /// A database opened for reading lacks migrations, which only a writer applies.
    case outdated(path: String)
    /// A write was asked of a store that was opened for reading.
    case readOnly(path: String)
    /// As many unfinished jobs as the queue takes.
    case queueFull(limit: Int)
    case unknownJob(String)
    case unknownImage(String)
    case unknownState(String)
    case unknownKey(String)
    /// A key has used up what it may.
    case quota(Quota, limit: Int)
    /// An unfinished job's request names the state.
    case stateInUse(String, job: String)
    /// A job's request names the picture.
    case imageInUse(String, job: String)
    /// A state was captured in one of the job's cells.
    case jobInUse(String, state: String)
    /// The job has not ended.
    case jobUnfinished(String, status: JobStatus)
    /// The key was sent before, with another request, which made this job.
    case idempotencyKeyReused(key: String, job: String)
    /// A state's file cannot be written or read: the disk fails.
    case stateFile(path: String, reason: String)
    /// A state's file is not what was written: somebody removed or shortened it.
    case stateDamaged(path: String, reason: String)
    /// The job is in a state that has no such transition.
    case conflict(job: String, status: JobStatus, action: String)
    /// Somebody else runs the job by now, or nobody does: what this worker computed must not be written.
    case leaseLost(job: String)
    /// A row that breaks the schema's rules: the sentence names what it was.
    case invalidRecord(String)
    /// The disk has no space left.
    case full(String)
    /// What SQLite reported of the file that failed: a disk that does not read or write, a lock that is held.
    case database(String)
    /// What else SQLite reported: a damaged file, a statement that it cannot run. Waiting does not help.
    case unusable(String)

    package var description: String {
        switch self {
        case .inUse(let path, let holder):
            "\(path) is open for writing in another process\(holder.map { " (\($0))" } ?? ""); "
                + "stop that one, choose another database, or open this one read-only."
        case .cannotOpen(let path, let reason):
            "\(path) cannot be opened: \(reason)."
        case .foreign(let path):
            "\(path) is no narrowgate database; choose another file."
        case .newer(let path, let migration):
            "\(path) was made by a newer narrowgate (it has migration \(migration)); use that version or another file."
        case .changedMigration(let path, let migration):
            "\(path) was made with another \(migration) than this narrowgate has; use the version that made it."
        case .outdated(let path):
            "\(path) was made by an older narrowgate; open it for writing once (narrowgate serve) to bring it up to date."
        case .readOnly(let path):
            "\(path) was opened for reading only."
        case .queueFull(let limit):
            "The queue holds \(limit) unfinished jobs, which is its limit; wait for some to end or cancel some."
        case .unknownJob(let id):
            "There is no job \(id)."
        case .unknownImage(let digest):
            "There is no image \(digest)."
        case .unknownState(let digest):
            "There is no state \(digest)."
        case .unknownKey(let id):
            "There is no key \(id)."
        case .quota(.jobs, let limit):
            "This key may have \(limit) unfinished jobs; wait for some to end or cancel some."
        case .quota(.cells, let limit):
            "This key may have \(limit) cells waiting; wait for jobs to end, cancel some, or submit a smaller one."
        case .quota(.bytes, let limit):
            "This key may store \(limit) bytes of pictures and states; delete some."
        case .stateInUse(let digest, let job):
            "The state \(digest) is named by job \(job), which has not ended; cancel the job or wait for its end."
        case .imageInUse(let digest, let job):
            "The image \(digest) is named by job \(job); delete the job first."
        case .jobInUse(let id, let state):
            "The state \(state) was captured in job \(id); delete the state first."
        case .jobUnfinished(let id, let status):
            "Job \(id) is \(status.rawValue); cancel it or wait for its end, then delete it."
        case .idempotencyKeyReused(let key, let job):
            "the key \"\(key)\" was sent with another request, which made job \(job); choose a new key for a new request"
        case .stateFile(let path, let reason), .stateDamaged(let path, let reason):
            "The state's file \(path) cannot be used: \(reason)."
        case .conflict(let job, let status, let action):
            "Job \(job) is \(status.rawValue) and cannot be \(action)."
        case .leaseLost(let job):
            "The lease on job \(job) is no longer held."
        case .invalidRecord(let problem):
            "The record cannot be stored: \(problem)."
        case .full(let message):
            "There is no space left for the database: \(message)."
        case .database(let message), .unusable(let message):
            "The database failed: \(message)."
        }
    }
}

extension StoreError {
    /// Whether the disk or the database is to blame, and not what was asked of it: the same may succeed later.
    package var isOfTheDisk: Bool {
        switch self {
        case .full, .database, .stateFile: true
        default: false
        }
    }
}
