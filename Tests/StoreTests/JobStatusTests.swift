import Store
import Testing

@Suite("Job states") struct JobStatusTests {
    @Test("these transitions are legal, and no others")
    func transitions() {
        let legal: [JobStatus: [JobStatus.Event: JobStatus]] = [
            .queued: [.claim: .running, .requestCancel: .cancelled],
            .running: [
                .claim: .running, .requestCancel: .cancelling, .succeed: .succeeded, .fail: .failed,
                .cancel: .cancelled,
            ],
            .cancelling: [
                .claim: .cancelling, .requestCancel: .cancelling, .succeed: .cancelled, .fail: .cancelled,
                .cancel: .cancelled,
            ],
        ]
        for status in JobStatus.allCases {
            for event in JobStatus.Event.allCases {
                #expect(status.after(event) == legal[status]?[event], "\(status) \(event)")
            }
        }
    }

    @Test("an ended job stays as it is")
    func ended() {
        #expect(JobStatus.allCases.filter(\.isEnded) == [.succeeded, .failed, .cancelled])
        for status in JobStatus.allCases where status.isEnded {
            #expect(JobStatus.Event.allCases.allSatisfy { status.after($0) == nil })
        }
    }
}
