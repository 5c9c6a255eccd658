// What really runs: which task each worker has begun, by the word in its page, and not answered as far as was heard.
import LuaFleetCore
import LuaFleetWire

/// A task that has begun.
package struct RunningTask: Sendable {
    /// Its number among the tasks that were handed in with it, from 1.
    package var index: Int
    /// The worker's slot, from 1.
    package var worker: Int
    /// The process that runs it: the worker's, or the task's own.
    package var pid: Int32
}

extension PoolShell {
    /// On the event loop. O(workers).
    var runningTasks: [RunningTask] {
        connections.compactMap { connection in
            guard let connection, connection.pid != 0,
                let place = core.task(at: connection.page.control.started, on: connection.id)
            else { return nil }
            let record = records[Int(place.batch.index)]
            var pid = connection.pid
            if record?.request.isolation == .freshProcess {
                // It may not be there yet; then it is the former one's, whose number nobody else is likely to have by now.
                let own = connection.page.header.pointee.taskProcess.load(ordering: .relaxed)
                if own > 0 { pid = own }
            }
            return RunningTask(
                index: (record?.first ?? 0) + Int(place.index) + 1, worker: Int(connection.id.slot) + 1, pid: pid)
        }
    }
}

extension LuaPool {
    /// Calls `body` on the pool's event loop, as soon as that has time.
    package func withRunningTasks(_ body: @escaping @Sendable ([RunningTask]) -> Void) {
        let shell = shell
        shell.loop.execute { body(shell.runningTasks) }
    }
}
