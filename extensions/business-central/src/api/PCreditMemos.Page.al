page 50115 "BH API P. Credit Memos"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'postedCreditMemo';
    EntitySetName = 'postedCreditMemos';
    SourceTable = "Sales Cr.Memo Header";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(number; Rec."No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(yourReference; Rec."Your Reference") { }
                field(customerNumber; Rec."Sell-to Customer No.") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentDate; Rec."Document Date") { }
                field(currencyCode; Rec."Currency Code") { }
                field(locationCode; Rec."Location Code") { }
                field(returnOrderNumber; Rec."Return Order No.") { }
                field(appliesToDocNumber; Rec."Applies-to Doc. No.") { }
                field(amountExcludingTax; Rec.Amount) { }
                field(amountIncludingTax; Rec."Amount Including VAT") { }
                field(remainingAmount; RemainingAmount) { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
                part(postedCreditMemoLines; "BH API P. Credit Memo Lines")
                {
                    EntityName = 'postedCreditMemoLine';
                    EntitySetName = 'postedCreditMemoLines';
                    SubPageLink = "Document No." = field("No.");
                }
            }
        }
    }

    trigger OnAfterGetRecord()
    var
        CustLedgerEntry: Record "Cust. Ledger Entry";
    begin
        RemainingAmount := 0;
        CustLedgerEntry.SetRange("Document Type", CustLedgerEntry."Document Type"::"Credit Memo");
        CustLedgerEntry.SetRange("Document No.", Rec."No.");
        if CustLedgerEntry.FindFirst() then begin
            CustLedgerEntry.CalcFields("Remaining Amount");
            RemainingAmount := CustLedgerEntry."Remaining Amount";
        end;
    end;

    var
        RemainingAmount: Decimal;
}
