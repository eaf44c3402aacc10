import { PLAN_IDS, PLANS } from '@/lib/core/plans'

const number = new Intl.NumberFormat('en-US')

/** The plans as they stand in code: the limits that are enforced are the ones shown. */
export function PlanTable() {
  return (
    <div className="table-scroll">
      <table>
        <caption>Plans, per month. A verification is one verdict; errors cost nothing.</caption>
        <thead>
          <tr>
            <th scope="col">Plan</th>
            <th scope="col">Price</th>
            <th scope="col">Verifications</th>
            <th scope="col">Requests a minute / hour</th>
            <th scope="col">Live settlements</th>
            <th scope="col">Log kept</th>
          </tr>
        </thead>
        <tbody>
          {PLAN_IDS.map((id) => {
            const plan = PLANS[id]
            return (
              <tr key={id}>
                <th scope="row">{plan.name}</th>
                <td>${number.format(plan.pricePerMonth)}</td>
                <td>{plan.verificationsPerMonth === null ? 'unlimited' : number.format(plan.verificationsPerMonth)}</td>
                <td>
                  {number.format(plan.requestsPerMinute)} / {number.format(plan.requestsPerHour)}
                </td>
                <td>
                  {plan.liveSettlementsPerMonth === 0 ? 'test mode only' : number.format(plan.liveSettlementsPerMonth)}
                </td>
                <td>
                  {plan.logRetentionDays} {plan.logRetentionDays === 1 ? 'day' : 'days'}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
